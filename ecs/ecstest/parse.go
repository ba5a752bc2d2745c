package ecstest

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

// parse reads the operation, its version, its region and its parameters from the query, the form and the headers.
func (x *exchange) parse() {
	h := x.r.Header
	note := func(err error) {
		if x.parseErr == nil {
			x.parseErr = err
		}
	}
	var err error
	x.query, err = url.ParseQuery(x.r.URL.RawQuery)
	note(err)
	x.params = x.query
	if kind, _, _ := mime.ParseMediaType(h.Get("Content-Type")); kind == "application/x-www-form-urlencoded" && len(x.body) > 0 {
		form, err := url.ParseQuery(string(x.body))
		note(err)
		x.params = url.Values{}
		for _, part := range []url.Values{x.query, form} {
			for name, values := range part {
				x.params[name] = append(x.params[name], values...)
			}
		}
	}
	// The vendor's older clients send the header X-Acs-Action even with V1 signatures.
	x.v3 = strings.HasPrefix(h.Get("Authorization"), "ACS3-") || h.Get("X-Acs-Action") != "" && !x.params.Has("SignatureMethod")
	if x.v3 {
		x.action, x.version = h.Get("X-Acs-Action"), h.Get("X-Acs-Version")
		x.xml = strings.Contains(h.Get("Accept"), "xml")
	} else {
		x.action, x.version = x.params.Get("Action"), x.params.Get("Version")
		x.xml = !strings.EqualFold(x.params.Get("Format"), "JSON")
	}
	x.region = x.params.Get("RegionId")
}
