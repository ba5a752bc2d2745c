// Command baseline makes an HTTPS request. It contains the code that every program with an HTTPS client needs, and the
// other commands are compared with it.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
)

func main() {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://ecs.cn-hangzhou.aliyuncs.com/", http.NoBody)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := new(http.Client).Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", body)
}
