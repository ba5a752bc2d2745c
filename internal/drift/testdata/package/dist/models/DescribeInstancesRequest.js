"use strict";
// This file is auto-generated, don't edit it
const $dara = __importStar(require("@darabonba/typescript"));
class DescribeInstancesRequestTag extends $dara.Model {
    static names() {
        return {
            key: 'Key',
            value: 'Value',
        };
    }
    static types() {
        return {
            key: 'string',
            value: 'string',
        };
    }
    validate() {
        super.validate();
    }
    constructor(map) {
        super(map);
    }
}
exports.DescribeInstancesRequestTag = DescribeInstancesRequestTag;
class DescribeInstancesRequest extends $dara.Model {
    static names() {
        return {
            additionalAttributes: 'AdditionalAttributes',
            dryRun: 'DryRun',
            instanceIds: 'InstanceIds',
            maxResults: 'MaxResults',
            newFilter: 'NewFilter',
            status: 'Status',
            tag: 'Tag',
        };
    }
    static types() {
        return {
            additionalAttributes: { 'type': 'array', 'itemType': 'string' },
            dryRun: 'boolean',
            instanceIds: 'string',
            maxResults: 'number',
            newFilter: { 'type': 'array', 'itemType': 'string' },
            status: 'number',
            tag: { 'type': 'array', 'itemType': DescribeInstancesRequestTag },
        };
    }
    validate() {
        super.validate();
    }
    constructor(map) {
        super(map);
    }
}
exports.DescribeInstancesRequest = DescribeInstancesRequest;
