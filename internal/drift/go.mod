module github.com/aliyun-ecs/sdk-go/internal/drift

go 1.25.0

require github.com/aliyun-ecs/sdk-go v0.0.0

require (
	github.com/alibabacloud-go/debug v1.0.1 // indirect
	github.com/alibabacloud-go/tea v1.5.3 // indirect
	github.com/aliyun/credentials-go v1.4.14 // indirect
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/modern-go/concurrent v0.0.0-20180228061459-e0a39a4cb421 // indirect
	github.com/modern-go/reflect2 v1.0.2 // indirect
	golang.org/x/net v0.58.0 // indirect
	gopkg.in/ini.v1 v1.67.0 // indirect
)

replace github.com/aliyun-ecs/sdk-go => ../..
