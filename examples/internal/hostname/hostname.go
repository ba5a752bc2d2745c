// Package hostname converts instance names to host names. Programs use a host name as an SSH alias or as an inventory
// host. A person who may name an instance must not be able to take over an existing host with a name such as
// "github.com", "localhost" or "192.0.2.7".
package hostname

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

const maxLength = 128

// reserved contains names that have a meaning to ssh, Ansible or /etc/hosts.
var reserved = []string{
	"all", "ungrouped", "_meta", "localhost", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback", "ip6-localnet",
	"ip6-allnodes", "ip6-allrouters", "ip6-mcastprefix", "broadcasthost", "loopback", "none", "host", "match", "self", "implicit",
}

// number matches strings that the C library parses as an IPv4 address or as a part of an IPv4 address, such as
// "127.1", "0x7f000001" and "2130706433".
var number = regexp.MustCompile(`^(0[xX][0-9a-fA-F]*|[0-9]+)([.-](0[xX][0-9a-fA-F]*|[0-9]+)){0,3}$`)

// instanceID matches a string that may be an instance id.
var instanceID = regexp.MustCompile(`^[iI]-[0-9A-Za-z]+$`)

// OfName returns the host name for a name that a person chose. Unlike Clean, it returns "" if the name may be an
// instance id. Otherwise, a person could name an instance after the id of another instance, and a user who connects
// to that id would reach the wrong instance.
func OfName(name string) string {
	clean := Clean(name)
	if instanceID.MatchString(clean) {
		return ""
	}
	return clean
}

// Clean converts a name to a host name that contains only letters of any script, digits, "_" and "-", and that begins
// and ends with a letter or a digit. It returns "" if nothing is left of the name, or if the name is an address, a
// number, a reserved name or too long.
func Clean(name string) string {
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
