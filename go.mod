module github.com/aliyun-ecs/sdk-go

go 1.26
