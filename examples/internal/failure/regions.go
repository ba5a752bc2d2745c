package failure

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

// publicRegions contains the ids of the public regions. The list may be incomplete, so it is used only for
// suggestions.
var publicRegions = strings.Fields(`
	cn-qingdao cn-beijing cn-zhangjiakou cn-huhehaote cn-wulanchabu cn-hangzhou cn-shanghai cn-nanjing cn-fuzhou cn-wuhan-lr
	cn-shenzhen cn-heyuan cn-guangzhou cn-chengdu cn-hongkong ap-northeast-1 ap-northeast-2 ap-southeast-1 ap-southeast-2
	ap-southeast-3 ap-southeast-5 ap-southeast-6 ap-southeast-7 ap-south-1 us-east-1 us-west-1 na-south-1 eu-west-1 eu-central-1
	me-east-1 me-central-1 cn-beijing-finance-1 cn-shanghai-finance-1 cn-shenzhen-finance-1 cn-north-2-gov-1`)

// KnownRegion reports whether name is the id of a public region or an element of others.
func KnownRegion(name string, others ...string) bool {
	return slices.Contains(publicRegions, name) || slices.Contains(others, name)
}

// SuggestRegion returns advice to append to a message about an unknown region. The advice suggests a similar region
// id, if there is one, and explains how to list all regions.
func SuggestRegion(name string, others ...string) string {
	known := slices.Concat(others, publicRegions)
	var chinese []string // users easily forget the prefix "cn-"
	for _, region := range known {
		if city, ok := strings.CutPrefix(region, "cn-"); ok {
			chinese = append(chinese, city)
		}
	}
	similar := cmp.Or(wording.DidYouMean("", name, known), wording.DidYouMean("cn-", name, chinese), ":")
	return similar + ` "inventory -region all -dry-run" lists all regions`
}
