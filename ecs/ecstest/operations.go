package ecstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// operations contains the built-in operations by name. An operation returns a response, which is encoded as JSON unless
// it is a []byte. It reports an error by storing the error in the params.
var operations = map[string]func(*Server, *exchange, *params) any{
	"DescribeInstances":      (*Server).describeInstances,
	"DescribeInstanceStatus": (*Server).describeInstanceStatus,
	"DescribeRegions":        (*Server).describeRegions,
	"ListTagResources":       (*Server).listTagResources,
}

// Handle adds an operation to the server, or replaces a built-in operation. If h is nil, Handle removes the operation
// or restores the built-in operation.
//
// The server calls h for each authentic and permitted request for action, possibly concurrently. The function h may
// call the server's methods. The server encodes the result of h with encoding/json, encodes nil as an empty object, and
// adds a RequestId to an object that has none.
//
// If h returns an [*ecs.Error], the error response has the Code, Message, StatusCode and AccessDenied of that error. A
// StatusCode of 0 means the usual status of the code. For any other error, the response has the code InternalError and
// the error's message.
func (s *Server) Handle(action string, h func(Request) (any, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h == nil {
		delete(s.handlers, action)
		return
	}
	s.handlers[action] = h
}

// dispatch runs the operation and returns its response as JSON.
func (s *Server) dispatch(x *exchange) ([]byte, *apiError) {
	if x.version != apiVersion {
		return nil, newError(400, "InvalidVersion", "Specified parameter Version is not valid.")
	}
	s.mu.Lock()
	handler := s.handlers[x.action]
	s.mu.Unlock()
	operation := operations[x.action]
	needsRegion := operation != nil && x.action != "DescribeRegions"
	switch {
	case operation == nil && handler == nil:
		return nil, noSuchAPI()
	case needsRegion && x.region == "":
		return nil, missingParameter("RegionId")
	case needsRegion && !slices.Contains(s.regionIDs(x.Settings), x.region):
		return nil, newError(404, "InvalidRegionId.NotFound", "The specified RegionId does not exist.")
	case s.denied(x):
		return s.deny(x)
	case handler != nil:
		return runHandler(handler, s.snapshot(x))
	}
	return s.run(x, operation)
}

func (s *Server) run(x *exchange, operation func(*Server, *exchange, *params) any) ([]byte, *apiError) {
	p := &params{Values: x.params}
	out := operation(s, x, p)
	if p.err != nil {
		return nil, p.err
	}
	if body, encoded := out.([]byte); encoded {
		return body, nil
	}
	return marshal(out), nil
}

// deny returns the response to a request without permission: an error or, with EmptyIfDenied, an empty list.
func (s *Server) deny(x *exchange) ([]byte, *apiError) {
	dryRun, _ := (&params{Values: x.params}).flag("DryRun")
	if x.action != "DescribeInstances" || dryRun || !x.EmptyIfDenied {
		return nil, x.denial()
	}
	x.params = maps.Clone(x.params)
	x.params.Set("InstanceIds", "[]") // an empty list of ids matches nothing
	x.params.Del("NextToken")
	return s.run(x, (*Server).describeInstances)
}

func runHandler(h func(Request) (any, error), r Request) ([]byte, *apiError) {
	out, err := h(r)
	if err != nil {
		return nil, errorOf(err)
	}
	if out == nil {
		out = object{}
	}
	body, err := json.Marshal(out)
	if err != nil {
		return nil, errorOf(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err == nil && members["RequestId"] == nil {
		head := marshal(object{"RequestId": r.RequestID})
		if rest := bytes.TrimLeft(body[1:], " \t\r\n"); rest[0] != '}' {
			head[len(head)-1] = ','
			return append(head, rest...), nil
		}
		return head, nil
	}
	return body, nil
}

// errorOf converts an error returned by a handler to an error response.
func errorOf(err error) *apiError {
	var e *ecs.Error
	if !errors.As(err, &e) {
		return newError(500, "InternalError", "%v", err)
	}
	out := &apiError{Status: e.StatusCode, Code: e.Code, Message: e.Message}
	if out.Status == 0 {
		out.Status = usualStatus(e.Code)
	}
	if d := e.AccessDenied; d != nil {
		out.AccessDenied = object{
			"AuthAction": d.AuthAction, "AuthPrincipalType": d.AuthPrincipalType, "AuthPrincipalOwnerId": d.AuthPrincipalOwnerID,
			"AuthPrincipalDisplayName": d.AuthPrincipalDisplayName, "PolicyType": d.PolicyType, "NoPermissionType": d.NoPermissionType,
			"EncodedDiagnosticMessage": d.EncodedDiagnosticMessage,
		}
	}
	return out
}
