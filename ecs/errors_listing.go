package ecs

import (
	"fmt"
	"slices"
	"strings"
)

// The errors that listings, lookups and waiters end with, besides *Error.

// DecodeError describes a part of a response that could not be read. With an InstanceID, it is a member of that
// instance: the instance is delivered without it, and keeps its value in Extra. Without an InstanceID, it is a
// whole instance, which is withheld because its id could not be read.
type DecodeError struct {
	InstanceID string // "" if the id could not be read
	Path       string // the path of the member, as in the keys of [Instance.Extra]; "" if the instance is not an object
	// Raw is the value of the member, or the withheld instance, as the API sent it. It is truncated to 16 KiB, and
	// is nil except in the first 100 errors of a page or listing. It may be private, so it is neither printed nor
	// marshaled.
	Raw []byte `json:"-"`
	Err error  // what is wrong with the value
}

// Error names the instance and the member. It does not include the value.
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

// Format implements [fmt.Formatter]. It prints the text of Error, whatever the verb, so that %+v and %#v do not show Raw.
func (e *DecodeError) Format(f fmt.State, verb rune) { formatText(f, verb, e.Error()) }

// Unwrap returns Err.
func (e *DecodeError) Unwrap() error { return e.Err }

// IncompleteError is the last error of a listing that was read to its end, but contained values that could not be
// read. All other values were delivered. No call failed, so there is no [*Error] in its chain.
type IncompleteError struct {
	Undecoded []*DecodeError

	region string
}

// Error returns the number of values and the first reason.
func (e *IncompleteError) Error() string {
	text := "ecs: listing" + inRegion(e.region) + " incomplete"
	if len(e.Undecoded) == 0 {
		return text
	}
	return fmt.Sprintf("%s: %d of its values could not be read, the first: %s", text, len(e.Undecoded), reason(e.Undecoded[0]))
}

// Unwrap returns the elements of Undecoded.
func (e *IncompleteError) Unwrap() []error {
	errs := make([]error, len(e.Undecoded))
	for i, d := range e.Undecoded {
		errs[i] = d
	}
	return errs
}

// RegionError is yielded by InstancesInRegions for a region that could not be listed completely; the others continue.
type RegionError struct {
	Region string
	Err    error
}

// Error names the region and the reason.
func (e *RegionError) Error() string {
	text := reason(e.Err)
	if strings.Contains(text, inRegion(e.Region)+": ") { // the reason already names the region
		return "ecs: " + text
	}
	return "ecs: region " + printable(e.Region) + ": " + text
}

// Unwrap returns Err.
func (e *RegionError) Unwrap() error { return e.Err }

// NotFoundError lists the ids of instances that do not exist in the region or are not visible to the caller. It matches
// ErrNotFound. No call failed, so there is no [*Error] in its chain.
type NotFoundError struct {
	InstanceIDs []string

	region string
}

// Is reports whether target is ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// Error names up to ten of the ids.
func (e *NotFoundError) Error() string {
	var ids []string
	for _, id := range e.InstanceIDs[:min(maxNamed, len(e.InstanceIDs))] {
		ids = append(ids, printable(id))
	}
	return fmt.Sprintf("ecs: %s not found%s: %s", instanceCount(len(e.InstanceIDs)), inRegion(e.region), enumerate(ids, len(e.InstanceIDs)))
}

// UnconfirmedError ends a listing, or a lookup of ids, that returned an empty result when a dry run could not
// verify the caller's permission to list: there may be instances. Err is the error of the dry run.
type UnconfirmedError struct {
	Region string
	Err    error
}

// Error names the region and the reason.
func (e *UnconfirmedError) Error() string {
	return fmt.Sprintf("ecs: an empty result%s could not be confirmed, so there may be more instances: the dry run that checks the permission failed: %s", inRegion(e.Region), reason(e.Err))
}

// Unwrap returns Err.
func (e *UnconfirmedError) Unwrap() error { return e.Err }

// CappedError ends a listing by tag or resource group that reached the API's cap of 1,000 instances and could not be
// continued: there may be more instances than the Delivered ones. Err is the reason, with an [*Error] in its chain if
// a call failed.
type CappedError struct {
	Delivered int
	Err       error

	region string
}

// Error returns the number of delivered instances and the reason.
func (e *CappedError) Error() string {
	return fmt.Sprintf("ecs: listing%s stopped at the API's cap after %s and could not be continued: %s", inRegion(e.region), instanceCount(e.Delivered), reason(e.Err))
}

// Unwrap returns Err.
func (e *CappedError) Unwrap() error { return e.Err }

// WaitError is returned by a waiter that ends before all instances have reached the desired status.
type WaitError struct {
	Want    InstanceStatus            // "" in an error of WaitUntilGone
	Pending map[string]InstanceStatus // last known status of the instances that are not there, "" if not listed
	// why the wait ended: the context's error, a failed call, or a status from which Want cannot be reached
	Err error
}

// Error names up to ten of the pending instances.
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
