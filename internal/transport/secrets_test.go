package transport

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/aliyun-ecs/sdk-go/signer"
)

var (
	secretKey    = signer.Credentials{AccessKeyID: "LTAIplantedKeyID01", AccessKeySecret: "plantedSecret/+=2", SecurityToken: "CAISplanted+Token/3=" + strings.Repeat("q", 300)}
	secretSigned = signer.Signed{
		Query:  "Action=A&Signature=" + url.QueryEscape("plantedSig+/4=") + "&SecurityToken=" + url.QueryEscape(secretKey.SecurityToken),
		Header: http.Header{"Authorization": {"ACS3-HMAC-SHA256 Credential=LTAIplantedKeyID01,SignedHeaders=host,Signature=00plantedhexsignature11"}},
	}
	secrets = []string{secretKey.AccessKeyID, secretKey.AccessKeySecret, secretKey.SecurityToken, "plantedSig+/4=", "00plantedhexsignature11"}
)

// holds returns the secret that text contains in one of the usual encodings, or "".
func holds(text string) string {
	for _, s := range secrets {
		once := url.QueryEscape(s)
		for _, form := range []string{s, once, url.QueryEscape(once), strings.ToLower(once), hex.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte(s))} {
			if strings.Contains(text, form) || len(form) > 40 && strings.Contains(text, form[:12]) {
				return s
			}
		}
	}
	return ""
}

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }
func (e *nilError) Unwrap() error { return errors.New(e.text) }

func walk(err error, visit func(error)) {
	visit(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			walk(inner, visit)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			walk(inner, visit)
		}
	}
}
