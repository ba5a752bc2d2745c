package ecs

import (
	"errors"
	"strings"
)

// identityPolicy is the suffix of an access denial's PolicyType, such as AccountLevelIdentityBasedPolicy, if the policy
// is attached to a user, a group or a role.
const identityPolicy = "IdentityBasedPolicy"

// missingAction returns the permission that a denied call needs.
func missingAction(e *Error) string {
	if e.AccessDenied != nil && e.AccessDenied.AuthAction != "" {
		return printable(e.AccessDenied.AuthAction)
	}
	return "ecs:" + e.Action
}

// policyText describes the type of policy that denied a call, such as " (explicitly denied by …)". It returns "" if the
// type is unknown.
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

// isGrantable reports whether the denied call e would succeed if a policy attached to the caller granted the missing
// permission. It returns false if another policy denies the call.
func isGrantable(e *Error) bool {
	if !errors.Is(e, ErrForbidden) || e.Code == "" || e.advice != "" || isExplicit(e) {
		return false
	}
	return e.AccessDenied == nil || e.AccessDenied.PolicyType == "" || strings.HasSuffix(e.AccessDenied.PolicyType, identityPolicy)
}

// denialAdvice returns the advice for a denied call.
func denialAdvice(e *Error) string {
	action, policy := missingAction(e), ""
	if e.AccessDenied != nil {
		policy = e.AccessDenied.PolicyType
	}
	switch {
	case e.advice != "":
		return e.advice
	case isExplicit(e):
		return "remove " + action + " from the Deny statement of the policy: a grant does not override a Deny statement"
	case policy == "ControlPolicy":
		return "a control policy of the resource directory does not permit " + action + ": ask the administrator of the resource directory"
	case policy == "SessionPolicy":
		return "the policy passed to AssumeRole does not permit " + action + ": add the permission to this policy"
	case policy != "" && !strings.HasSuffix(policy, identityPolicy):
		return "permit " + action + " in the " + printable(policy)
	case e.AccessDenied != nil && e.AccessDenied.AuthPrincipalDisplayName != "":
		return "grant " + action + " to " + principalText(e.AccessDenied)
	}
	return "grant " + action + " to the caller"
}

// principalText returns the name of the user or role that made a denied call.
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
