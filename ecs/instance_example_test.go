package ecs_test

import (
	"encoding/json"
	"fmt"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// To store an instance with other fields as JSON, use a named field. An embedded instance would lose the field Owner,
// because encoding/json would use the instance's JSON methods for the whole struct.
func ExampleInstance_json() {
	type record struct {
		Owner    string
		Instance ecs.Instance
	}
	text, err := json.Marshal(record{Owner: "team-a", Instance: ecs.Instance{InstanceID: "i-1", Tags: []ecs.Tag{{Key: "env", Value: "prod"}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var stored record
	if err := json.Unmarshal(text, &stored); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(stored.Owner, stored.Instance.InstanceID, stored.Instance.Tags)
	// Output: team-a i-1 [{env prod}]
}
