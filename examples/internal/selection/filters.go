package selection

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

// errEmpty is the error for an empty filter, which is most likely caused by an unset variable in a script.
var errEmpty = errors.New("the value is empty, perhaps because a variable is not set: set a value, or leave out the flag")

// filter defines a flag that restricts the selection. An empty value is an error.
func (s *Selection) filter(fs *flag.FlagSet, name string, set func(value string) error) {
	s.filters = append(s.filters, name)
	fs.Func(name, "", func(value string) error {
		if strings.TrimSpace(value) == "" {
			return errEmpty
		}
		return set(value)
	})
}

// IsFilter reports whether the named flag restricts the selection. An empty value of such a flag is an error.
func (s *Selection) IsFilter(name string) bool { return slices.Contains(s.filters, name) }

// anyOf defines a filter flag that accepts one or more values. A single value is stored in *to and sent to the API. If
// there are several values, *to is empty, and Matches compares them with the values of each instance. If known is not
// empty, any other value is an error.
func anyOf[T ~string](s *Selection, fs *flag.FlagSet, name string, to *T, values func(ecs.Instance) []T, known ...T) {
	s.filter(fs, name, func(text string) error {
		var wanted []T
		for _, word := range Split(text) {
			value := T(word)
			if len(known) > 0 {
				if err := wording.OneOf(&value, known...)(word); err != nil {
					return err
				}
			}
			wanted = append(wanted, value)
		}
		*to = ""
		delete(s.matchers, name)
		switch len(wanted) {
		case 0:
			return errEmpty
		case 1:
			*to = wanted[0]
		default:
			s.matchers[name] = func(inst ecs.Instance) bool {
				return slices.ContainsFunc(values(inst), func(v T) bool { return slices.Contains(wanted, v) })
			}
		}
		return nil
	})
}

// one converts a function that returns a single value to a function that returns a list with this value, for use with
// anyOf.
func one[T any](value func(ecs.Instance) T) func(ecs.Instance) []T {
	return func(inst ecs.Instance) []T { return []T{value(inst)} }
}

// defineFilters defines the filter flags. Durations in time filters are relative to now.
func (s *Selection) defineFilters(fs *flag.FlagSet, stdin io.Reader, now time.Time) {
	req := &s.Request
	s.filter(fs, "id", func(text string) error { return addWords(&req.InstanceIDs, text, stdin) })
	s.filter(fs, "name", func(text string) error { req.InstanceName = text; return nil })
	anyOf(s, fs, "status", &req.Status, one(func(i ecs.Instance) ecs.InstanceStatus { return i.Status }),
		ecs.InstanceStatusPending, ecs.InstanceStatusRunning, ecs.InstanceStatusStarting, ecs.InstanceStatusStopping, ecs.InstanceStatusStopped)
	anyOf(s, fs, "charge-type", &req.InstanceChargeType, one(func(i ecs.Instance) ecs.InstanceChargeType { return i.InstanceChargeType }),
		ecs.InstanceChargeTypePrePaid, ecs.InstanceChargeTypePostPaid)
	anyOf(s, fs, "type", &req.InstanceType, one(func(i ecs.Instance) string { return i.InstanceType }))
	anyOf(s, fs, "family", &req.InstanceTypeFamily, one(func(i ecs.Instance) string { return i.InstanceTypeFamily }))
	anyOf(s, fs, "zone", &req.ZoneID, one(func(i ecs.Instance) string { return i.ZoneID }))
	anyOf(s, fs, "vpc", &req.VPCID, one(func(i ecs.Instance) string { return i.VPCAttributes.VPCID }))
	anyOf(s, fs, "vswitch", &req.VSwitchID, one(func(i ecs.Instance) string { return i.VPCAttributes.VSwitchID }))
	anyOf(s, fs, "security-group", &req.SecurityGroupID, func(i ecs.Instance) []string { return i.SecurityGroupIDs })
	anyOf(s, fs, "resource-group", &req.ResourceGroupID, one(func(i ecs.Instance) string { return i.ResourceGroupID }))
	anyOf(s, fs, "image", &req.ImageID, one(func(i ecs.Instance) string { return i.ImageID }))
	anyOf(s, fs, "key-pair", &req.KeyPairName, one(func(i ecs.Instance) string { return i.KeyPairName }))
	s.defineTags(fs)
	s.defineAddresses(fs, stdin)
	s.filter(fs, "created-after", timeIn(&req.CreatedAfter, now, -1))
	s.filter(fs, "created-before", timeIn(&req.CreatedBefore, now, -1))
	s.filter(fs, "expires-after", timeIn(&req.ExpiresAfter, now, +1))
	s.filter(fs, "expires-before", timeIn(&req.ExpiresBefore, now, +1))
}

// defineTags defines the flags that filter by tag. The API cannot filter by an empty value or by several values of
// the same tag, so Matches compares such values.
func (s *Selection) defineTags(fs *flag.FlagSet) {
	tag := func(key, value string) { s.Request.Tags = append(s.Request.Tags, ecs.Tag{Key: key, Value: value}) }
	s.filter(fs, "tag", func(text string) error {
		key, value, given := strings.Cut(text, "=")
		switch {
		case strings.TrimSpace(key) == "":
			return errors.New("must be KEY or KEY=VALUE")
		case given && strings.TrimSpace(value) == "":
			return fmt.Errorf("the value is empty, perhaps because a variable is not set: use -tag %s to match any value, or -tag-empty %s to match the empty value", key, key)
		}
		tag(key, value)
		return nil
	})
	s.filter(fs, "tag-empty", func(key string) error {
		tag(key, "")
		s.matchers["tag-empty "+key] = func(inst ecs.Instance) bool { return slices.Contains(inst.Tags, ecs.Tag{Key: key}) }
		return nil
	})
	anyValue := map[string][]string{}
	s.filter(fs, "tag-any", func(text string) error {
		key, list, _ := strings.Cut(text, "=")
		values := strings.Split(list, ",")
		if strings.TrimSpace(key) == "" || slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) == "" }) {
			return errors.New("must be KEY=VALUE,VALUE... without empty parts")
		}
		if anyValue[key] == nil {
			tag(key, "")
		}
		anyValue[key] = append(anyValue[key], values...)
		s.matchers["tag-any "+key] = func(inst ecs.Instance) bool {
			return slices.ContainsFunc(inst.Tags, func(t ecs.Tag) bool { return t.Key == key && slices.Contains(anyValue[key], t.Value) })
		}
		return nil
	})
}

// defineAddresses defines the flags that filter by IP address.
func (s *Selection) defineAddresses(fs *flag.FlagSet, stdin io.Reader) {
	req := &s.Request
	for name, list := range map[string]*ecs.JSONList{"private-ip": &req.PrivateIPAddresses, "public-ip": &req.PublicIPAddresses, "eip": &req.EIPAddresses} {
		s.filter(fs, name, func(text string) error {
			if name != "public-ip" {
				req.InstanceNetworkType = ecs.InstanceNetworkTypeVPC // otherwise, the API ignores the addresses
			}
			return addAddrs(list, text, stdin, false)
		})
	}
	s.filter(fs, "ipv6", func(text string) error {
		list := ecs.JSONList(req.IPv6Addresses)
		err := addAddrs(&list, text, stdin, true)
		req.IPv6Addresses = ecs.RepeatList[string](list)
		return err
	})
}

// addWords splits text at commas and white space and appends the words to list. If text is "-", addWords reads the
// words from stdin.
func addWords(list *ecs.JSONList, text string, stdin io.Reader) error {
	before := len(*list)
	if text == "-" && stdin == nil {
		return errors.New("this program does not read values from stdin")
	}
	if text == "-" {
		words := bufio.NewScanner(stdin)
		words.Split(bufio.ScanWords)
		for words.Scan() {
			*list = append(*list, Split(words.Text())...)
		}
		if err := words.Err(); err != nil {
			return fmt.Errorf("cannot read stdin: %w", err)
		}
		if len(*list) == before {
			return errors.New("stdin is empty")
		}
		return nil
	}
	if *list = append(*list, Split(text)...); len(*list) == before {
		return errEmpty
	}
	return nil
}

// addAddrs is like addWords, but accepts only IPv4 addresses or only IPv6 addresses.
func addAddrs(list *ecs.JSONList, text string, stdin io.Reader, ipv6 bool) error {
	before := len(*list)
	if err := addWords(list, text, stdin); err != nil {
		return err
	}
	for i, word := range (*list)[before:] {
		a, err := netip.ParseAddr(word)
		a = a.Unmap()
		switch {
		case err != nil || a.Zone() != "":
			return fmt.Errorf("%q is not an IP address", word)
		case ipv6 && a.Is4():
			return fmt.Errorf("%s is an IPv4 address: use -private-ip, -public-ip or -eip", word)
		case !ipv6 && a.Is6():
			return fmt.Errorf("%s is an IPv6 address: use -ipv6", word)
		}
		(*list)[before+i] = a.String()
	}
	return nil
}

// timeIn returns a function that parses a date, a time or a duration into *to. The direction of a duration is +1 for
// the future and -1 for the past.
func timeIn(to *time.Time, now time.Time, direction time.Duration) func(string) error {
	return func(text string) error {
		if text == "now" {
			text = "0d"
		}
		for _, layout := range []string{time.DateOnly, "2006-01-02T15:04Z07:00", time.RFC3339} {
			if t, err := time.Parse(layout, text); err == nil {
				*to = t
				return nil
			}
		}
		distance, err := time.ParseDuration(text)
		if days, ok := strings.CutSuffix(text, "d"); ok {
			var n int
			n, err = strconv.Atoi(days)
			*to = now.AddDate(0, 0, n*int(direction))
		} else {
			*to = now.Add(distance * direction)
		}
		if err != nil || strings.HasPrefix(text, "-") {
			return errors.New("must be a date such as 2025-01-31, a time such as 2025-01-31T08:00Z, now, or a duration such as 30d or 12h")
		}
		return nil
	}
}

// inOrder returns an error if after is later than before.
func inOrder(of string, after, before time.Time) error {
	if after.IsZero() || before.IsZero() || !after.After(before) {
		return nil
	}
	const layout = "2006-01-02T15:04Z07:00"
	return fmt.Errorf("-%s-after (%s) is later than -%[1]s-before (%[3]s): no instance can match", of, after.UTC().Format(layout), before.UTC().Format(layout))
}

// readerFunc is a function that implements [io.Reader].
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// Interruptible returns a reader whose Read method also returns when ctx is done. Ctrl-C can then stop a program that
// is waiting for input.
func Interruptible(ctx context.Context, r io.Reader) io.Reader {
	type result struct {
		n   int
		err error
	}
	return readerFunc(func(b []byte) (int, error) {
		own, done := make([]byte, len(b)), make(chan result, 1)
		go func() {
			n, err := r.Read(own)
			done <- result{n, err}
		}()
		select {
		case read := <-done:
			return copy(b, own[:read.n]), read.err
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	})
}
