package ecstest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// object is a JSON object with the API's member names.
type object map[string]any

// apiError is an error response with the API's members.
type apiError struct {
	RequestID    string `json:"RequestId"`
	HostID       string `json:"HostId"`
	Code         string `json:"Code"`
	Message      string `json:"Message"`
	Recommend    string `json:"Recommend"`
	AccessDenied object `json:"AccessDeniedDetail,omitempty"`

	Status int `json:"-"` // HTTP status
}

func newError(status int, code, format string, args ...any) *apiError {
	return &apiError{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func missingParameter(name string) *apiError {
	return newError(400, "MissingParameter", "The input parameter %q that is mandatory for processing this request is not supplied.", name)
}

func noSuchAPI() *apiError {
	return newError(404, "InvalidApi.NotFound", "Specified api is not found, please check your url and method.")
}

// usualStatus returns the HTTP status that usually accompanies an error code.
func usualStatus(code string) int {
	switch {
	case strings.HasPrefix(code, "ServiceUnavailable"):
		return http.StatusServiceUnavailable
	case strings.HasPrefix(code, "InternalError"):
		return http.StatusInternalServerError
	case strings.HasPrefix(code, "Forbidden"), strings.HasPrefix(code, "NoPermission"):
		return http.StatusForbidden
	case strings.HasSuffix(code, ".NotFound"):
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

// respond sends an error response if err is not nil, and otherwise body. A fault may change the response.
func (s *Server) respond(w http.ResponseWriter, x *exchange, body []byte, err *apiError) {
	f := x.fault
	if f.replacesResponse() {
		body, err = nil, f.apiError()
	}
	status, root := http.StatusOK, x.action+"Response"
	if err != nil {
		status, root = err.Status, "Error"
		if err.Code != "" { // Code is empty if a fault sets a status but no error code
			err.RequestID, err.HostID = x.requestID, x.r.Host
			err.Recommend = "https://api.aliyun.com/troubleshoot?q=" + err.Code + "&product=Ecs&requestId=" + x.requestID
			body = marshal(err)
		}
	}
	contentType := "application/json;charset=utf-8"
	if x.xml && len(body) > 0 {
		contentType, body = "text/xml;charset=utf-8", toXML(root, body)
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Vary", "Accept-Encoding")
	h.Set("X-Acs-Request-Id", x.requestID)
	h.Set("X-Acs-Trace-Id", strings.ToLower(strings.ReplaceAll(x.requestID, "-", "")))
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "*")
	h.Set("Date", time.Now().Add(x.ClockSkew).UTC().Format(http.TimeFormat))
	maps.Copy(h, x.header)
	if f != nil {
		body = f.modify(h, body)
	}
	if len(body) >= 1024 && (f == nil || f.Body == nil) && acceptsGzip(x.r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = compress(body)
	}
	s.mu.Lock()
	x.record.Status = status
	if err != nil {
		x.record.Code = err.Code
	}
	s.mu.Unlock()
	if status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	f.write(w, x.r, body)
}

func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // never fails, because every type passed to marshal can be encoded
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

// compressors contains values of type *gzip.Writer, which are large.
var compressors = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails only for invalid levels
	return z
}}

func compress(body []byte) []byte {
	z := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	var b bytes.Buffer
	b.Grow(len(body) / 4)
	z.Reset(&b)
	_, _ = z.Write(body) // never fails, because it writes to memory
	_ = z.Close()
	return b.Bytes()
}

// toXML converts a JSON response to XML. Each member becomes an element with the member's name. Each list element
// becomes an element with the list's name.
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
		_ = xml.EscapeText(b, fmt.Append(nil, tok)) // never fails, because it writes to memory
	}
	b.WriteString("</" + name + ">")
}
