package ecs

import (
	"fmt"
	"slices"
	"strings"
)

// This file contains the error types, except Error, that listings, lookups and waiters return.

// DecodeError describes a part of a response that could not be decoded. If a member of an instance could not be
// decoded, the instance is returned with a zero field, and [Instance.Extra] contains the member's value. If the id
// could not be decoded, InstanceID is empty and the instance is not returned.
type DecodeError struct {
	InstanceID string // "" if the id could not be decoded
	Path       string // the path of the member, as in the keys of [Instance.Extra]; "" if the instance is not an object
	// Raw is the value of the member, or the whole instance, truncated to 16 KiB. It is set only in the first 100
	// errors of a page or listing. Raw may contain private data, so it is neither printed nor marshaled.
	Raw []byte `json:"-"`
	Err error  // why the value could not be decoded
}

// Error returns a message that contains the instance id, the path of the member and the reason, but not the value.
func (e *DecodeError) Error() string {
	what := "instance " + printable(e.InstanceID)
	if e.InstanceID == "" {
		what = "an instance with an unreadable id"
	}
	if e.Path != "" {
		what = "member " + printable(e.Path) + " of " + what
	}
	return fmt.Sprintf("ecs: %s could not be read: %v", what, e.Err)
}

// Format implements [fmt.Formatter]. For every verb, it prints the result of [DecodeError.Error], so that %+v and %#v
// do not print Raw.
func (e *DecodeError) Format(f fmt.State, verb rune) { formatText(f, verb, e.Error()) }

// Unwrap returns Err.
func (e *DecodeError) Unwrap() error { return e.Err }

// IncompleteError is returned at the end of a listing if some values could not be decoded. All other values have been
// returned. An IncompleteError does not wrap an [*Error], because no call failed.
type IncompleteError struct {
	Undecoded []*DecodeError

	region string
}

// Error returns a message that contains the number of values that could not be decoded, and the first DecodeError.
func (e *IncompleteError) Error() string {
	text := "ecs: listing" + inRegion(e.region) + " incomplete"
	if len(e.Undecoded) == 0 {
		return text
	}
	if len(e.Undecoded) == 1 {
		return text + ": a value could not be read: " + reason(e.Undecoded[0])
	}
	return fmt.Sprintf("%s: %d values could not be read; the first error: %s", text, len(e.Undecoded), reason(e.Undecoded[0]))
}

// Unwrap returns the elements of Undecoded.
func (e *IncompleteError) Unwrap() []error {
	errs := make([]error, len(e.Undecoded))
	for i, d := range e.Undecoded {
		errs[i] = d
	}
	return errs
}

// RegionError is yielded by [Client.InstancesInRegions] for a region that could not be listed completely.
type RegionError struct {
	Region string
	Err    error
}

// Error returns a message that contains the region and the reason.
func (e *RegionError) Error() string {
	text := reason(e.Err)
	if strings.Contains(text, inRegion(e.Region)+": ") { // the reason already names the region
		return "ecs: " + text
	}
	return "ecs: region " + printable(e.Region) + ": " + text
}

// Unwrap returns Err.
func (e *RegionError) Unwrap() error { return e.Err }

// NotFoundError contains the ids of instances that do not exist in the region or are not visible to the caller. It
// matches ErrNotFound. It does not wrap an [*Error], because no call failed.
type NotFoundError struct {
	InstanceIDs []string

	region string
}

// Is reports whether target is ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// Error returns a message that contains up to ten of the ids.
func (e *NotFoundError) Error() string {
	var ids []string
	for _, id := range e.InstanceIDs[:min(maxNamed, len(e.InstanceIDs))] {
		ids = append(ids, printable(id))
	}
	return fmt.Sprintf("ecs: %s not found%s: %s", instanceCount(len(e.InstanceIDs)), inRegion(e.region), enumerate(ids, len(e.InstanceIDs)))
}

// UnconfirmedError is returned if the API returned no instances and a dry run could not verify the caller's permission
// to list. Instances may exist. Err is the error of the dry run.
type UnconfirmedError struct {
	Region string
	Err    error
}

// Error returns a message that contains the region and the reason.
func (e *UnconfirmedError) Error() string {
	return fmt.Sprintf("ecs: the empty result%s could not be confirmed, so instances may exist: the dry run that checks the permission failed: %s", inRegion(e.Region), reason(e.Err))
}

// Unwrap returns Err.
func (e *UnconfirmedError) Unwrap() error { return e.Err }

// CappedError is returned if a listing by tag or resource group reached the API's cap of 1,000 instances and could not
// be continued. Some instances may be missing from the result.
type CappedError struct {
	Delivered int   // the number of instances that were returned
	Err       error // the reason; an [*Error] is in its chain if a call failed

	region string
}

// Error returns a message that contains the number of returned instances and the reason.
func (e *CappedError) Error() string {
	return fmt.Sprintf("ecs: listing%s stopped at the API's cap after %s and could not be continued: %s", inRegion(e.region), instanceCount(e.Delivered), reason(e.Err))
}

// Unwrap returns Err.
func (e *CappedError) Unwrap() error { return e.Err }

// WaitError is returned by [Client.WaitForStatus] and [Client.WaitUntilGone] if the wait ended early: an instance had
// not reached the desired status, or still existed.
type WaitError struct {
	Want InstanceStatus // the desired status; "" in an error of WaitUntilGone
	// Pending maps the ids of the instances for which the wait was not successful to their last known status. The
	// status is "" for an instance that the API did not return.
	Pending map[string]InstanceStatus
	// Err is the reason why the wait ended: the context's error, the error of a failed call, or an error that describes
	// why an instance can no longer reach the desired status. If the context ended after failed polls, Err also contains
	// the error of the last poll.
	Err error
}

// Error returns a message that contains up to ten of the pending instances.
func (e *WaitError) Error() string {
	ids := make([]string, 0, len(e.Pending))
	for id, status := range e.Pending {
		if status == "" {
			status = "not seen"
		}
		ids = append(ids, printable(id)+" ("+printable(status)+")")
	}
	slices.Sort(ids)
	want := "to be " + printable(e.Want)
	if e.Want == "" {
		want = "to be gone"
	}
	return fmt.Sprintf("ecs: waiting for %s %s: %s: %s", instanceCount(len(e.Pending)), want, enumerate(ids, len(ids)), reason(e.Err))
}

// Unwrap returns Err.
func (e *WaitError) Unwrap() error { return e.Err }
