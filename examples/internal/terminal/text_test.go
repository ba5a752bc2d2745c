package terminal

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/aliyun-ecs/sdk-go/examples/internal/hostile"
)

// isControl reports whether a character may control a terminal.
func isControl(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for _, text := range hostile.Names() {
		if got := Printable(text); strings.ContainsFunc(got, isControl) {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := Printable("订单 été 😀 <&>"); got != "订单 été 😀 <&>" {
		t.Errorf("%q", got)
	}
}

func TestEscapeJSON(t *testing.T) {
	t.Parallel()
	names := append(hostile.Names(), "\U000e0001tag", "订单", "a\ufffdb")
	before, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	escaped := EscapeJSON(before)
	if strings.ContainsFunc(string(escaped), isControl) || !strings.Contains(string(escaped), "订单") || !strings.Contains(string(escaped), `\u202e`) {
		t.Errorf("%s", escaped)
	}
	var want, got []string
	if err := json.Unmarshal(before, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(escaped, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("escaping changed the meaning: %q, %v", got, err)
	}
}

func TestWidth(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "web": 3, "订单": 4, "e\u0301": 1, "ｗ": 2, "한글": 4, "😀": 2, "—": 1, "é": 1, Red.Paint("web"): 3, "├": 1, "“": 1} {
		if got := Width(text); got != want {
			t.Errorf("%q is %d wide, want %d", text, got, want)
		}
	}
	if Pad("订", 4) != "订  " || PadLeft("订", 4) != "  订" || Pad("订单", 3) != "订单" {
		t.Error("padding")
	}
}

// TestSnip verifies how the Snip functions shorten strings.
func TestSnip(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text        string
		width       int
		end, middle string
		start       string
	}{
		{"web-001", 7, "web-001", "web-001", "web-001"},
		{"web-staging-001", 12, "web-staging…", "web-sta…-001", "…staging-001"},
		{"订单服务-staging-045", 16, "订单服务-stagin…", "订单服务-s…g-045", "…务-staging-045"},
		{"华东一区订单服务", 10, "华东一区…", "华东一…务", "…订单服务"},
		{"ecs.t6-c1m4.large", 13, "ecs.t6-c1m4.…", "ecs.t6-c…arge", "…6-c1m4.large"},
		{"abc", 1, "…", "…", "…"},
	} {
		if got := SnipStart(tt.text, tt.width); got != tt.start || Width(got) > tt.width {
			t.Errorf("%s at %d: %s, want %s", tt.text, tt.width, got, tt.start)
		}
		if got := Snip(tt.text, tt.width); got != tt.end || Width(got) > tt.width {
			t.Errorf("%s at %d: %s, want %s", tt.text, tt.width, got, tt.end)
		}
		if got := SnipMiddle(tt.text, tt.width); got != tt.middle || Width(got) > tt.width {
			t.Errorf("%s at %d: %s, want %s", tt.text, tt.width, got, tt.middle)
		}
	}
}
