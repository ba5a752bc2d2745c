module github.com/aliyun-ecs/sdk-go/examples

go 1.26

replace github.com/aliyun-ecs/sdk-go => ../
