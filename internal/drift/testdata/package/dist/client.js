"use strict";
// This file is auto-generated, don't edit it
class Client extends openapi_core_1.default {
    constructor(config) {
        super(config);
        this._endpointRule = "regional";
        this._endpointMap = {
            'cn-hangzhou': "ecs-cn-hangzhou.aliyuncs.com",
            'cn-new-1': "ecs.cn-elsewhere.aliyuncs.com",
        };
        this.checkConfig(config);
    }
}
