"use strict";
// This file is auto-generated, don't edit it
const $dara = __importStar(require("@darabonba/typescript"));
class DescribeRegionsRequest extends $dara.Model {
    static names() {
        return {
            acceptLanguage: 'AcceptLanguage',
            ownerId: 'OwnerId',
        };
    }
    static types() {
        return {
            acceptLanguage: 'string',
            ownerId: 'number',
        };
    }
    validate() {
        super.validate();
    }
    constructor(map) {
        super(map);
    }
}
exports.DescribeRegionsRequest = DescribeRegionsRequest;
