package credentials

import "testing"

// TestIssuedKey checks that a service's response is rejected if the key has no id, no secret or no token.
func TestIssuedKey(t *testing.T) {
	t.Parallel()
	for k, ok := range map[issuedKey]bool{
		{AccessKeyID: "i", AccessKeySecret: "s", SecurityToken: "t"}: true,
		{AccessKeySecret: "s", SecurityToken: "t"}:                   false,
		{AccessKeyID: "i", SecurityToken: "t"}:                       false,
		{AccessKeyID: "i", AccessKeySecret: "s"}:                     false,
	} {
		if key, err := k.key("service", "kind"); (err == nil) != ok || ok && (key.kind != "kind" || key.SecurityToken != "t") {
			t.Errorf("%+v: %+v, %v", k, key, err)
		}
	}
}

func TestMaskID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"LTAI5tabcdefghij":  "LTAI****",
		"LTAI5tabcdefghi":   "****",
		"":                  "****",
		"LT\nI5tabcdefghij": "****",
		"éé5tabcdefghij":    "****",
	} {
		if got := MaskID(id); got != want {
			t.Errorf("%q: %s, want %s", id, got, want)
		}
	}
}
