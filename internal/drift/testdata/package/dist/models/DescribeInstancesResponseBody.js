"use strict";
// This file is auto-generated, don't edit it
const $dara = __importStar(require("@darabonba/typescript"));
class DescribeInstancesResponseBodyInstancesInstanceNewOptions extends $dara.Model {
    static names() {
        return {
            newMode: 'NewMode',
        };
    }
    static types() {
        return {
            newMode: 'string',
        };
    }
    validate() {
        super.validate();
    }
    constructor(map) {
        super(map);
    }
}
exports.DescribeInstancesResponseBodyInstancesInstanceNewOptions = DescribeInstancesResponseBodyInstancesInstanceNewOptions;
class DescribeInstancesResponseBodyInstancesInstanceTagsTag extends $dara.Model {
    static names() {
        return {
            tagKey: 'TagKey',
            tagValue: 'TagValue',
        };
    }
    static types() {
        return {
            tagKey: 'string',
            tagValue: 'string',
        };
    }
    validate() {
        super.validate();
    }
    constructor(map) {
        super(map);
    }
}
exports.DescribeInstancesResponseBodyInstancesInstanceTagsTag = DescribeInstancesResponseBodyInstancesInstanceTagsTag;
class DescribeInstancesResponseBodyInstancesInstanceTags extends $dara.Model {
    static names() {
        return {
            tag: 'Tag',
        };
    }
    static types() {
        return {
            tag: { 'type': 'array', 'itemType': DescribeInstancesResponseBodyInstancesInstanceTagsTag },
        };
    }
    validate() {
        super.validate();
    }
    constructor(map) {
        super(map);
    }
}
exports.DescribeInstancesResponseBodyInstancesInstanceTags = DescribeInstancesResponseBodyInstancesInstanceTags;
class DescribeInstancesResponseBodyInstancesInstance extends $dara.Model {
    static names() {
        return {
            cpu: 'Cpu',
            instanceId: 'InstanceId',
            newOptions: 'NewOptions',
            tags: 'Tags',
        };
    }
    static types() {
        return {
            cpu: 'string',
            instanceId: 'string',
            newOptions: DescribeInstancesResponseBodyInstancesInstanceNewOptions,
            tags: DescribeInstancesResponseBodyInstancesInstanceTags,
        };
    }
    validate() {
        super.validate();
    }
    constructor(map) {
        super(map);
    }
}
exports.DescribeInstancesResponseBodyInstancesInstance = DescribeInstancesResponseBodyInstancesInstance;
class DescribeInstancesResponseBodyInstances extends $dara.Model {
    static names() {
        return {
            instance: 'Instance',
        };
    }
    static types() {
        return {
            instance: { 'type': 'array', 'itemType': DescribeInstancesResponseBodyInstancesInstance },
        };
    }
    validate() {
        super.validate();
    }
    constructor(map) {
        super(map);
    }
}
exports.DescribeInstancesResponseBodyInstances = DescribeInstancesResponseBodyInstances;
class DescribeInstancesResponseBody extends $dara.Model {
    static names() {
        return {
            instances: 'Instances',
            nextToken: 'NextToken',
            requestId: 'RequestId',
        };
    }
    static types() {
        return {
            instances: DescribeInstancesResponseBodyInstances,
            nextToken: 'string',
            requestId: 'string',
        };
    }
    validate() {
        super.validate();
    }
    constructor(map) {
        super(map);
    }
}
exports.DescribeInstancesResponseBody = DescribeInstancesResponseBody;
