"use strict";
// This file is auto-generated, don't edit it
const $dara = __importStar(require("@darabonba/typescript"));
class ListTagResourcesRequest extends $dara.Model {
    static names() {
        return {
            regionId: 'RegionId',
            resourceId: 'ResourceId',
        };
    }
    static types() {
        return {
            regionId: 'string',
            resourceId: { 'type': 'array', 'itemType': 'string' },
        };
    }
    validate() {
        super.validate();
    }
    constructor(map) {
        super(map);
    }
}
exports.ListTagResourcesRequest = ListTagResourcesRequest;
