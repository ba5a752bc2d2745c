package main

import (
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"unicode"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// loginName is what -user may be. ssh reads everything else in some way of its own.
var loginName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]*$`)

// sshRenderer writes a Host entry for each instance, to be included in ~/.ssh/config.
type sshRenderer struct {
	w io.Writer
	look
	hosts       []sshHost
	unreachable int
}

type sshHost struct {
	id, alias string
	name      string // as it is, when the alias had to differ
	address   netip.Addr
}

func (r *sshRenderer) add(i ecs.Instance) error {
	h := sshHost{id: sshAlias(i.InstanceID), alias: sshAlias(i.InstanceName), address: i.PrivateAddr()}
	if h.alias != i.InstanceName {
		h.name = printable(i.InstanceName)
	}
	if r.public {
		h.address = firstPublic(i)
	}
	if !h.address.IsValid() {
		r.unreachable++
		return nil
	}
	r.hosts = append(r.hosts, h)
	return nil
}

// end writes all: ssh takes the first entry that matches, so no name may stand for two instances.
func (r *sshRenderer) end([]error) error {
	uses := map[string]int{}
	for _, h := range r.hosts {
		uses[h.id]++
		if h.alias != h.id {
			uses[h.alias]++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", printable(r.command))
	for _, h := range r.hosts {
		names := h.id
		if h.alias != "" && uses[h.alias] > 1 {
			h.alias += "." + h.id // not a number: it would be another instance's when one is released
			uses[h.alias]++
		}
		if h.alias != "" && h.alias != h.id && uses[h.alias] == 1 {
			names = h.alias + " " + h.id
		}
		b.WriteByte('\n')
		if h.name != "" {
			fmt.Fprintf(&b, "# %s\n", h.name)
		}
		// The host key belongs to the instance: another one may get the address later.
		fmt.Fprintf(&b, "Host %s\n    HostName %s\n    HostKeyAlias %s\n", names, h.address.WithZone(""), h.id)
		if r.user != "" {
			fmt.Fprintf(&b, "    User %s\n", r.user)
		}
	}
	if r.unreachable > 0 && r.note != nil {
		kind := "private"
		if r.public {
			kind = "public"
		}
		r.note(fmt.Sprintf("left out %d instances without a %s address", r.unreachable, kind))
	}
	_, err := io.WriteString(r.w, b.String())
	return err
}

// sshAlias makes a name that ssh and shells take as it stands: letters of any script, digits, "." "_" and "-"; each run
// of other characters, wildcards among them, becomes a "-".
func sshAlias(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune("._-", r)
	})
	return strings.Trim(strings.Join(words, "-"), "-.")
}
