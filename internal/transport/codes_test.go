package transport

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// kinds is the set of all classes that callers can distinguish.
const kinds = Throttled | Forbidden | Credentials | Invalid | NotFound | Unavailable

var kindNames = map[string]Class{
	"throttled": Throttled, "forbidden": Forbidden, "credentials": Credentials, "invalid": Invalid, "not found": NotFound,
	"unavailable": Unavailable, "-": 0,
}

// documentedCode is one line of testdata/error_codes.tsv.
type documentedCode struct {
	code     string
	statuses []int
	kind     Class
}

func documentedCodes(t *testing.T) (codes []documentedCode) {
	t.Helper()
	data, err := os.ReadFile("testdata/error_codes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSpace(line), "\t")
		kind, ok := kindNames[fields[2]]
		if !ok {
			t.Fatalf("unknown kind in %q", line)
		}
		c := documentedCode{code: fields[0], kind: kind}
		for s := range strings.FieldsSeq(fields[1]) {
			status, err := strconv.Atoi(s)
			if err != nil {
				t.Fatal(err)
			}
			c.statuses = append(c.statuses, status)
		}
		codes = append(codes, c)
	}
	return codes
}

// TestDocumentedCodes checks the class of every documented error code, with its documented statuses and an unusual
// status.
func TestDocumentedCodes(t *testing.T) {
	t.Parallel()
	codes := documentedCodes(t)
	if len(codes) < 850 {
		t.Errorf("testdata has only %d codes", len(codes))
	}
	for _, c := range codes {
		for _, status := range append(c.statuses, 418) {
			got := Classify(c.code, "", status, false, false) & kinds
			if got != c.kind && (c.kind != 0 || status < 500) { // the class of some codes depends on the status
				t.Errorf("%s with status %d has class %b, want %b", c.code, status, got, c.kind)
			}
		}
	}
}

// TestCodeFamilies compares the class of each documented error code with the class that the test derives from its own
// patterns.
func TestCodeFamilies(t *testing.T) {
	t.Parallel()
	families := []struct {
		pattern string // the first pattern that matches a code determines the class
		kind    Class
	}{
		{`AccessKey|SecurityToken|^Signature(DoesNot|Mis)|IncompleteSignature|[Tt]ime[Ss]tamp`, Credentials},
		{`^Throttling`, Throttled},
		{`^(InternalError|ServiceUnavailable|UnknownError|SignatureNonceUsed)`, Unavailable},
		{`^OperationDenied`, 0},
		{`^Incorrect(\w+)Status|^IncorrectInstanceStatus|^InvalidInstanceStatus`, 0},
		{`^Forb|Unauthorized|^NoPermiss?ion|^PermissionDenied|^AuthenticationFail|Arrearage|(NotEnough|Insufficient)Balance|^InvalidUser\.`, Forbidden},
		{`^Invalid\w+\.(Quota|Limit)Exceed|^Invalid\w+\.ExceedLimit|^NumberExceed|^InvalidParam`, Invalid | NotFound},
		{`(Quota|Limit)Exceed|Exceed(Quota|Limit)`, 0},
		{`(Instance|Disk|Image|Snapshot|Group|Vpc|VSwitch|KeyPair|Host|Eni)(Id|ID|Ids|Name)?\.NotFound$`, NotFound},
		{`^Missing`, Invalid},
	}
	counts := make([]int, len(families))
	patterns := make([]*regexp.Regexp, len(families))
	for i, f := range families {
		patterns[i] = regexp.MustCompile(f.pattern)
	}
	for _, c := range documentedCodes(t) {
		for i, f := range families {
			if !patterns[i].MatchString(c.code) {
				continue
			}
			counts[i]++
			if got := Classify(c.code, "", 403, false, false) & kinds; got != f.kind && got&f.kind == 0 {
				t.Errorf("%s has class %b, want %b", c.code, got, f.kind)
			}
			break
		}
	}
	t.Logf("codes by family: %d", counts)
}

// TestUnknownCodes checks that the status and the arguments accessDenied and readOnly affect the class only if the
// error code is unknown.
func TestUnknownCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code             string
		status           int
		denied, readOnly bool
		want             Class
	}{
		{code: "Novel.Code", status: 403, want: 0},
		{code: "Novel.Code", status: 403, readOnly: true, want: Forbidden},
		{code: "Novel.Code", status: 403, denied: true, want: Forbidden},
		{code: "Novel.Code", status: 400, denied: true, want: Forbidden},
		{code: "Novel.Code", status: 400, readOnly: true, want: 0},
		{code: "Novel.Code", status: 404, readOnly: true, want: 0},
		{code: "", status: 403, readOnly: true, want: 0}, // this response comes from a proxy or a firewall
		{code: "", status: 403, denied: true, want: Forbidden},
		{code: "IncorrectInstanceStatus", status: 403, readOnly: true, want: 0},
		{code: "QuotaExceed.Novel", status: 403, readOnly: true, want: 0},
		{code: "OperationDenied.Novel", status: 403, readOnly: true, want: 0},
		{code: "InvalidParameter", status: 403, denied: true, readOnly: true, want: Invalid}, // the code takes precedence
		{code: "Throttling.User", status: 403, denied: true, readOnly: true, want: Throttled},
		{code: "AuthenticationFail.NoPermission", status: 403, want: Forbidden},
		{code: "UnauthorizedRegion", status: 403, want: Forbidden},
		{code: "InvalidPrefixListId.NotFound", status: 404, want: NotFound},
	} {
		if got := Classify(c.code, "", c.status, c.denied, c.readOnly); got != c.want {
			t.Errorf("%+v has class %b", c, got)
		}
	}
}

// TestDenialsNoGrantCures checks the advice for denied requests that no RAM policy can permit.
func TestDenialsNoGrantCures(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"Forbidden.NotSupportRAM", "Forbedden.NotSupportRAM", "Forbidden.SubUser", "Forbbiden.SubUser", "Forbidden.RiskControl",
		"UnauthorizedRegion", "RegionUnauthorized", "Unauthorized.EmptyRegion", "Forbidden.RegionId", "Account.Arrearage",
		"InvalidAccountStatus.NotEnoughBalance", "InvalidAccount.Forbbiden", "UserNotInTheWhiteList", "InvalidInstanceType.ValueUnauthorized",
	} {
		if class, advice := classify(code, "", 403, false, true); class != Forbidden || advice == "" || strings.Contains(advice, "grant") {
			t.Errorf("%s has class %b and advice %q", code, class, advice)
		}
	}
	for _, code := range []string{"Forbidden.RAM", "NoPermission", "Forbidden.Unauthorized", "PermissionDenied.Scope", "AuthenticationFail.NoPermission"} {
		if class, advice := classify(code, "", 403, false, true); class != Forbidden || advice != "" {
			t.Errorf("%s has class %b and advice %q", code, class, advice)
		}
	}
}

// TestLongCode checks that a very long error code is classified quickly.
func TestLongCode(t *testing.T) {
	t.Parallel()
	start := time.Now()
	for _, code := range []string{strings.Repeat("Invalid", 30_000), strings.Repeat("x", 1<<20), strings.Repeat("*.", 100_000)} {
		Classify(code, "", 400, false, false)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("classifying the code took %v", took)
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, code string
		want          bool
	}{
		{"a", "a", true},
		{"a", "ab", false},
		{"a*", "a", true},
		{"a*", "abc", true},
		{"a*", "ba", false},
		{"*a", "a", true},
		{"*a", "bca", true},
		{"*a", "ab", false},
		{"*a*", "bab", true},
		{"*a*", "b", false},
		{"a*b*c", "abc", true},
		{"a*b*c", "axbyc", true},
		{"a*b*c", "acb", false},
		{"a*a", "a", false},
		{"*", "", true},
	} {
		if got := matches(c.pattern, c.code); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.pattern, c.code, got)
		}
	}
}
