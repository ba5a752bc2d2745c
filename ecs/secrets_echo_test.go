package ecs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestSecretsOfSuccessfulResponses checks that errors reveal no secrets if a successful response repeats the secrets of
// the request.
func TestSecretsOfSuccessfulResponses(t *testing.T) {
	t.Parallel()
	for signerName, s := range map[string]signer.Signer{"V1": signer.V1{}, "V3": signer.V3{}} {
		for call, run := range map[string]func(context.Context, *ecs.Client) error{
			"InstancesInRegions": func(ctx context.Context, c *ecs.Client) (last error) {
				for _, err := range c.InstancesInRegions(ctx, nil, ecs.DescribeInstancesRequest{}, nil) {
					if err != nil {
						last = fmt.Errorf("%w; %w", err, last)
					}
				}
				return last
			},
			"DescribeRegions": func(ctx context.Context, c *ecs.Client) error {
				resp, err := c.DescribeRegions(ctx, ecs.DescribeRegionsRequest{})
				return errors.Join(err, fmt.Errorf("%+v", resp))
			},
			"Instances": func(ctx context.Context, c *ecs.Client) (last error) {
				for _, err := range c.Instances(ctx, ecs.DescribeInstancesRequest{}) {
					last = err
				}
				return last
			},
			"GetInstances": func(ctx context.Context, c *ecs.Client) error { _, err := c.GetInstances(ctx, "i-1"); return err },
			"WaitForStatus": func(ctx context.Context, c *ecs.Client) error {
				_, err := c.WaitForStatus(ctx, "Pending", "i-1")
				return err
			},
			"Call": func(ctx context.Context, c *ecs.Client) error {
				var out struct {
					RequestID time.Time `json:"RequestId"`
				}
				return c.Call(ctx, "DescribeDisks", nil, &out)
			},
		} {
			t.Run(signerName+"/"+call, func(t *testing.T) {
				t.Parallel()
				client, log := echoingClient(t, s, call == "WaitForStatus")
				err := run(t.Context(), client)
				if err == nil {
					t.Fatal("no error")
				}
				log.check(append(allTexts(err), log.text.String()))
			})
		}
	}
}

// echoLog contains the log output of an echoing client and the secrets of its requests.
type echoLog struct {
	check   func(texts []string)
	text    bytes.Buffer
	secrets []string
}

// echoingClient returns a client whose server copies the secrets of each request into the response. If readable is
// true, the response contains one instance.
func echoingClient(t *testing.T, s signer.Signer, readable bool) (*ecs.Client, *echoLog) {
	t.Helper()
	log := &echoLog{secrets: []string{plantedID, plantedSecret, plantedToken}}
	log.check = func(texts []string) { searchSecrets(t, texts, log.secrets) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signature := r.URL.Query().Get("Signature") + strings.TrimPrefix(r.Header.Get("Authorization")[strings.LastIndex(r.Header.Get("Authorization"), ",")+1:], "Signature=")
		log.secrets = append(log.secrets, signature)
		w.Header().Set("X-Acs-Request-Id", signature)
		switch regions := strings.Contains(r.URL.RawQuery+r.Header.Get("X-Acs-Action"), "DescribeRegions"); {
		case regions:
			_, _ = fmt.Fprintf(w, `{"RequestId":%q,"Regions":{"Region":[{"RegionId":%[1]q},{"RegionId":%q},{"RegionId":"cn-x"}]}}`, signature, plantedID)
		case readable:
			_, _ = fmt.Fprintf(w, `{"RequestId":%q,"Instances":{"Instance":[{"InstanceId":"i-1","Status":%[1]q}]}}`, signature)
		default:
			_, _ = fmt.Fprintf(w, `{"RequestId":%q,"Instances":{"Instance":[{"InstanceId":"i-1","HibernationOptions":{"Configured":%[1]q}},
				{"InstanceId":%[1]q,"Memory":%q},{"InstanceId":{%q:2}},%[1]q]}}`, signature, plantedID, plantedToken)
		}
	}))
	t.Cleanup(server.Close)
	client, err := ecs.NewClient("cn-test", &ecs.Options{
		Endpoint: server.URL, Signer: s, Credentials: ecs.StaticCredentials(plantedID, plantedSecret, plantedToken), TrustEmpty: true,
		Logger: slog.New(slog.NewJSONHandler(&log.text, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return client, log
}
