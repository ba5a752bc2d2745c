// Package hostname converts instance names to host names for ssh and Ansible. It rejects names that could replace an
// existing host, such as "github.com", "localhost" or "192.0.2.7".
package hostname

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

const maxLength = 128

// reserved contains names with a special meaning to ssh or Ansible, and names that are common in /etc/hosts.
var reserved = []string{
	"all", "ungrouped", "_meta", "localhost", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback", "ip6-localnet",
	"ip6-allnodes", "ip6-allrouters", "ip6-mcastprefix", "broadcasthost", "loopback", "none", "host", "match", "self", "implicit",
}

// number matches strings that the C library accepts as an IPv4 address or a part of an address, such as "127.1" or
// "0x7f000001".
var number = regexp.MustCompile(`^(0[xX][0-9a-fA-F]*|[0-9]+)([.-](0[xX][0-9a-fA-F]*|[0-9]+)){0,3}$`)

// instanceID matches a string that may be an instance id.
var instanceID = regexp.MustCompile(`^[iI]-[0-9A-Za-z]+$`)

// FromInstanceName is like Sanitize, but also returns "" if the name looks like an instance id. Otherwise, an instance
// that is named like another instance's id could receive connections that are intended for the other instance.
func FromInstanceName(name string) string {
	clean := Sanitize(name)
	if instanceID.MatchString(clean) {
		return ""
	}
	return clean
}

// Sanitize returns a host name that consists of letters, digits, "_" and "-". It returns "" if the name contains no
// letters or digits, is an address, a number or a reserved name, or is too long.
func Sanitize(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool {
		return r == unicode.ReplacementChar || !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && r != '_' && r != '-'
	})
	clean := strings.TrimFunc(strings.Join(words, "-"), func(r rune) bool { return r == '-' || r == '_' || unicode.In(r, unicode.M) })
	switch {
	case len([]rune(clean)) > maxLength, isAddress(name), number.MatchString(clean):
		return ""
	}
	for _, spelling := range []string{strings.TrimSpace(name), clean} {
		if spelling = strings.ToLower(spelling); slices.Contains(reserved, spelling) || slices.Contains(strings.FieldsFunc(spelling, isDotOrDash), "localhost") {
			return ""
		}
	}
	return clean
}

func isDotOrDash(r rune) bool { return r == '.' || r == '-' }

func isAddress(name string) bool {
	name = strings.Trim(strings.TrimSpace(name), "[]")
	host, _, _ := strings.Cut(name, "/")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	_, err := netip.ParseAddrPort(name)
	return err == nil || number.MatchString(host)
}
