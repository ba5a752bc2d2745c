package ecs

import (
	"errors"
	"strings"
)

// identityPolicy is how the names of the types of policies end that are attached to users, groups and roles.
const identityPolicy = "IdentityBasedPolicy"

// missingAction returns the permission that a denied call needs.
func missingAction(e *Error) string {
	if e.AccessDenied != nil && e.AccessDenied.AuthAction != "" {
		return printable(e.AccessDenied.AuthAction)
	}
	return "ecs:" + e.Action
}

// policyText says which kind of policy denies a call, " (explicitly denied by …)", or "" if the response did not say.
func policyText(e *Error) string {
	if e.AccessDenied == nil || e.AccessDenied.PolicyType == "" {
		return ""
	}
	how := "not permitted by "
	if isExplicit(e) {
		how = "explicitly denied by "
	}
	return " (" + how + printable(e.AccessDenied.PolicyType) + ")"
}

func isExplicit(e *Error) bool {
	return e.AccessDenied != nil && e.AccessDenied.NoPermissionType == "ExplicitDeny"
}

// isGrantable reports whether a policy attached to the caller resolves a denial: no other policy forbids it, and it is a
// matter of permissions at all.
func isGrantable(e *Error) bool {
	if !errors.Is(e, ErrForbidden) || e.Code == "" || e.advice != "" || isExplicit(e) {
		return false
	}
	return e.AccessDenied == nil || e.AccessDenied.PolicyType == "" || strings.HasSuffix(e.AccessDenied.PolicyType, identityPolicy)
}

// denialAdvice returns what to do about a denied call.
func denialAdvice(e *Error) string {
	action, policy := missingAction(e), ""
	if e.AccessDenied != nil {
		policy = e.AccessDenied.PolicyType
	}
	switch {
	case e.advice != "":
		return e.advice
	case isExplicit(e):
		return "remove " + action + " from the Deny statement of the policy: granting it does not help"
	case policy == "ControlPolicy":
		return "a control policy of the resource directory does not permit " + action + ": ask its administrator"
	case policy == "SessionPolicy":
		return "the policy passed to AssumeRole does not permit " + action + ": add it there"
	case policy != "" && !strings.HasSuffix(policy, identityPolicy):
		return "permit " + action + " in the " + printable(policy)
	case e.AccessDenied != nil && e.AccessDenied.AuthPrincipalDisplayName != "":
		return "grant " + action + " to " + principalText(e.AccessDenied)
	}
	return "grant " + action + " to the caller"
}

// principalText names the user or role that a denied call was made by.
func principalText(d *AccessDeniedDetail) string {
	kind := printable(d.AuthPrincipalType)
	switch kind {
	case "SubUser":
		kind = "the RAM user"
	case "AssumedRoleUser":
		kind = "the role"
	}
	return strings.TrimSpace(kind + " " + printable(d.AuthPrincipalDisplayName))
}
