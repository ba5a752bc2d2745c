// Command old lists instances with the vendor's old SDK.
package main

import (
	"fmt"
	"log"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"
)

func main() {
	client, err := ecs.NewClientWithProvider("cn-hangzhou")
	if err != nil {
		log.Fatal(err)
	}
	req := ecs.CreateDescribeInstancesRequest()
	req.Scheme, req.MaxResults = "https", requests.NewInteger(100)
	for {
		page, err := client.DescribeInstances(req)
		if err != nil {
			log.Fatal(err)
		}
		for _, inst := range page.Instances.Instance {
			fmt.Println(inst.InstanceId, inst.Status)
		}
		if req.NextToken = page.NextToken; req.NextToken == "" {
			return
		}
	}
}
