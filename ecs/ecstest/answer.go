package ecstest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object in the API's own names.
type object map[string]any

// failure is an error answer in the API's shape.
type failure struct {
	RequestID    string `json:"RequestId"`
	HostID       string `json:"HostId"`
	Code         string `json:"Code"`
	Message      string `json:"Message"`
	Recommend    string `json:"Recommend"`
	AccessDenied object `json:"AccessDeniedDetail,omitempty"`

	Status int         `json:"-"`
	header http.Header // more headers
}

func failed(status int, code, format string, args ...any) *failure {
	return &failure{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func missing(param string) *failure {
	return failed(400, "MissingParameter", "The input parameter %q that is mandatory for processing this request is not supplied.", param)
}

func (c *call) forbidden() *failure {
	err := failed(403, "Forbidden.RAM", "User not authorized to operate on the specified resource, or this API doesn't support RAM.")
	err.AccessDenied = object{
		"AuthAction": "ecs:" + c.action, "AuthPrincipalType": "SubUser", "AuthPrincipalOwnerId": "1234567890123456",
		"AuthPrincipalDisplayName": "ecstest", "PolicyType": "AccountLevelIdentityBasedPolicy", "NoPermissionType": "ImplicitDeny",
	}
	return err
}

// respond sends the answer: body, unless there is an error, and either changed by the fault that hit the request.
func (s *Server) respond(w http.ResponseWriter, c *call, body []byte, err *failure) {
	f := c.fault
	if f.replaces() {
		body, err = nil, f.failure()
	}
	status, root := http.StatusOK, c.action+"Response"
	h := w.Header()
	if err != nil {
		status, root = err.Status, "Error"
		err.RequestID, err.HostID = c.requestID, c.r.Host
		err.Recommend = "https://api.aliyun.com/troubleshoot?q=" + err.Code + "&product=Ecs&requestId=" + c.requestID
		if err.Code != "" { // else a fault without one: a bare status
			body = marshal(err)
		}
		for name, values := range err.header {
			h[name] = slices.Clone(values)
		}
	}
	kind := "application/json;charset=utf-8"
	if c.xml && len(body) > 0 {
		kind, body = "text/xml;charset=utf-8", toXML(root, body)
	}
	h.Set("Content-Type", kind)
	h.Set("Vary", "Accept-Encoding")
	h.Set("X-Acs-Request-Id", c.requestID)
	h.Set("X-Acs-Trace-Id", strings.ToLower(strings.ReplaceAll(c.requestID, "-", "")))
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "*")
	h.Set("Date", time.Now().Add(c.ClockSkew).UTC().Format(http.TimeFormat))
	if f != nil {
		body = f.change(h, body)
	}
	if !c.NoGzip && len(body) >= 1024 && (f == nil || f.Body == nil) && acceptsGzip(c.r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = s.gzip(body)
	}
	s.mu.Lock()
	c.record.Status = status
	if err != nil {
		c.record.Code = err.Code
	}
	s.mu.Unlock()
	if status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	if f == nil {
		_, _ = w.Write(body)
		return
	}
	f.write(w, c.r, body)
}

func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // of our own types, which all encode
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func acceptsGzip(accept []string) bool {
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, q, _ := strings.Cut(part, ";")
		if strings.TrimSpace(name) == "gzip" {
			weight := strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(q), "q="), "0.")
			return q == "" || weight != ""
		}
	}
	return false
}

func (s *Server) gzip(body []byte) []byte {
	z, _ := s.gzips.Get().(*gzip.Writer)
	if z == nil {
		z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // a level there is
	}
	defer s.gzips.Put(z)
	var b bytes.Buffer
	b.Grow(len(body) / 4)
	z.Reset(&b)
	_, _ = z.Write(body) // to memory
	_ = z.Close()
	return b.Bytes()
}

// toXML turns a JSON answer into the XML of the same content: a member is an element, a list repeats its element.
func toXML(root string, body []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	b := bytes.NewBufferString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	writeXML(b, dec, root)
	return b.Bytes()
}

func writeXML(b *bytes.Buffer, dec *json.Decoder, name string) {
	tok, err := dec.Token()
	if err != nil {
		return
	}
	if tok == json.Delim('[') {
		for dec.More() {
			writeXML(b, dec, name)
		}
		_, _ = dec.Token()
		return
	}
	b.WriteString("<" + name + ">")
	switch tok {
	case nil:
	case json.Delim('{'):
		for dec.More() {
			member, _ := dec.Token()
			writeXML(b, dec, fmt.Sprint(member))
		}
		_, _ = dec.Token()
	default:
		_ = xml.EscapeText(b, fmt.Append(nil, tok)) // to memory
	}
	b.WriteString("</" + name + ">")
}
