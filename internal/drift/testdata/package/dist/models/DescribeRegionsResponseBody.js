"use strict";
// This file is auto-generated, don't edit it
const $dara = __importStar(require("@darabonba/typescript"));
class DescribeRegionsResponseBodyRegionsRegion extends $dara.Model {
    static names() {
        return {
            regionId: 'RegionId',
        };
    }
    static types() {
        return {
            regionId: 'string',
        };
    }
    validate() {
        super.validate();
    }
    constructor(map) {
        super(map);
    }
}
exports.DescribeRegionsResponseBodyRegionsRegion = DescribeRegionsResponseBodyRegionsRegion;
class DescribeRegionsResponseBodyRegions extends $dara.Model {
    static names() {
        return {
            region: 'Region',
        };
    }
    static types() {
        return {
            region: { 'type': 'array', 'itemType': DescribeRegionsResponseBodyRegionsRegion },
        };
    }
    validate() {
        super.validate();
    }
    constructor(map) {
        super(map);
    }
}
exports.DescribeRegionsResponseBodyRegions = DescribeRegionsResponseBodyRegions;
class DescribeRegionsResponseBody extends $dara.Model {
    static names() {
        return {
            regions: 'Regions',
            requestId: 'RequestId',
        };
    }
    static types() {
        return {
            regions: DescribeRegionsResponseBodyRegions,
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
exports.DescribeRegionsResponseBody = DescribeRegionsResponseBody;
