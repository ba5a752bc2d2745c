package wording

import (
	"errors"
	"flag"
	"io"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

func flags() *flag.FlagSet {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Duration("timeout", 0, "")
	fs.Int("limit", 0, "")
	fs.Bool("demo", false, "")
	fs.String("columns", "", "")
	fs.Func("tag", "", func(string) error { return errors.New("must be KEY") })
	return fs
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"-column=id":                  "there is no flag -column: did you mean -columns?",
		"--lmiit=3":                   "there is no flag -lmiit: did you mean -limit?",
		"-xyzzy":                      "there is no flag -xyzzy",
		"-timeout=5":                  `-timeout "5": must be a duration such as 30s`,
		"-limit=abc":                  `-limit "abc": must be a number`,
		"-limit=99999999999999999999": `-limit "99999999999999999999": value out of range`,
		"-demo=maybe":                 `-demo "maybe": must be true or false`,
		`-tag="x" for flag -y: z`:     `-tag "\"x\" for flag -y: z": must be KEY`,
		"-limit":                      "flag needs an argument: -limit",
	} {
		fs := flags()
		if err := Usage(fs.Parse([]string{arg}), fs); err.Error() != want {
			t.Errorf("%s: %v, want %s", arg, err, want)
		}
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	fs := flags()
	for name, want := range map[string]string{"timeout": "must be a duration such as 30s", "demo": "must be true or false", "limit": "must be a number", "tag": "must be KEY"} {
		if err := Value(fs.Lookup(name), fs.Set(name, "maybe")); err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	names := []string{"table", "html", "json", "ndjson", "csv", "name", "status", "expires-before"}
	for written, want := range map[string]string{
		"jason": "json", "ndjsn": "ndjson", "naem": "name", "STAT": "status", "statsu": "status", "csb": "csv", "expire-befroe": "expires-before",
		"yaml": "", "text": "", "x": "", "": "",
	} {
		if want != "" {
			want = ": did you mean " + want + "?"
		}
		if got := DidYouMean("", written, names); got != want {
			t.Errorf("%s%s, want %s", written, got, want)
		}
	}
}

func TestOneOf(t *testing.T) {
	t.Parallel()
	var got ecs.InstanceChargeType
	set := OneOf(&got, ecs.InstanceChargeTypePrePaid, ecs.InstanceChargeTypePostPaid)
	if err := set("postpaid"); err != nil || got != ecs.InstanceChargeTypePostPaid {
		t.Errorf("%q, %v", got, err)
	}
	if err := set("PrePiad"); err == nil || err.Error() != "must be one of PrePaid, PostPaid: did you mean PrePaid?" {
		t.Error(err)
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"yaml", "html", 2}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%s to %s: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	_, endpoint := ecs.NewClient("cn-hangzhou", &ecs.Options{Endpoint: "http://192.0.2.1"})
	_, region := ecs.NewClient("Hang!", nil)
	for want, err := range map[string]error{
		"-endpoint must use https: http is allowed only for loopback hosts":        endpoint,
		`region "Hang!" is not a region id: use a region id such as "cn-hangzhou"`: region,
		"EOF": io.EOF,
		"400 SignatureDoesNotMatch: Specified signature is not matched with our calculation. (request 1): the access key secret is wrong": errors.New("ecs: 400 SignatureDoesNotMatch: Specified signature is not matched with our calculation. server string to sign is:POST&%2F&AccessKeyId%3D*** (request 1): the access key secret is wrong"),
		"does not match our calculation. (request 1)":                                                                errors.New("does not match our calculation. server StringToSign is [ACS3-HMAC-SHA256 0123] (request 1)"),
		"no credentials: set A, run aliyun configure, or choose a profile with -profile (environment: A is not set)": errors.New("ecs: no credentials: set A, run aliyun configure, or set Options.Credentials (environment: A is not set)"),
	} {
		if got := Plain(err); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
