package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/hostname"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// sshOptions are the flags for -o ssh-config.
type sshOptions struct {
	public       bool   // connect to public addresses
	user         string // log in as
	proxyJump    string
	identityFile string
	template     string // of the names; "" is {name}
}

// Valid values of these flags: ssh would interpret others in its own way.
var (
	loginName    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]*$`)
	jumpHosts    = regexp.MustCompile(`^[A-Za-z0-9_\[][A-Za-z0-9_.@:,\[\]-]*$`)
	identityFile = regexp.MustCompile(`^[^\pC"\\-][^\pC"\\]*$`)
	placeholder  = regexp.MustCompile(`\{([^{}]*)\}`)
	ownText      = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)
)

// matching returns a setter for a flag whose value must match.
func matching(to *string, pattern *regexp.Regexp, want string) func(string) error {
	return func(s string) error {
		if !pattern.MatchString(s) {
			return errors.New("want " + want)
		}
		*to = s
		return nil
	}
}

// setTemplate accepts a name template, such as "{name}.ecs" or "{tag:role}-{id}".
func (o *sshOptions) setTemplate(s string) error {
	for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
		switch key, isTag := strings.CutPrefix(m[1], "tag:"); {
		case isTag && key != "", m[1] == "name", m[1] == "id", m[1] == "region", m[1] == "account":
		default:
			return fmt.Errorf("there is no {%s}: want {name}, {id}, {region}, {account} or {tag:KEY}", m[1])
		}
	}
	if s == "" || !ownText.MatchString(placeholder.ReplaceAllString(s, "")) || !placeholder.MatchString(s) {
		return errors.New(`want a name such as "{name}.ecs": placeholders, letters, digits, ".", "_" and "-"`)
	}
	// An instance called github with the tag com must not take over github.com.
	if _, domain, dotted := cutLast(s, "."); dotted && (strings.Contains(domain, "{name}") || strings.Contains(domain, "{tag:")) {
		return errors.New("after the last dot {name} and {tag:KEY} may not stand: an instance could take over a host of the Internet")
	}
	o.template = s
	return nil
}

// cutLast is like strings.Cut, around the last separator. Dots within placeholders do not count.
func cutLast(template, separator string) (before, after string, found bool) {
	masked := placeholder.ReplaceAllStringFunc(template, func(m string) string { return strings.Repeat("_", len(m)) })
	if n := strings.LastIndex(masked, separator); n >= 0 {
		return template[:n], template[n+len(separator):], true
	}
	return template, "", false
}

// alias returns the name of an instance according to the template, or "" if a placeholder has no valid value.
func (o *sshOptions) alias(i ecs.Instance) string {
	if o.template == "" {
		return hostname.OfName(i.InstanceName)
	}
	complete := true
	name := placeholder.ReplaceAllStringFunc(o.template, func(m string) string {
		value := map[string]string{"{name}": i.InstanceName, "{id}": i.InstanceID, "{region}": i.RegionID, "{account}": selection.Account(i)}[m]
		if key, ok := strings.CutPrefix(strings.Trim(m, "{}"), "tag:"); ok {
			value = tagColumn(key).text(i)
		}
		value = hostname.Clean(value)
		complete = complete && value != ""
		return value
	})
	// The parts may be harmless, and the whole not: "local" and "host". Only {id} itself may be an id.
	if !complete || hostname.Clean(name) == "" || hostname.OfName(name) == "" && name != i.InstanceID {
		return ""
	}
	return name
}

// sshRenderer writes a Host entry for each instance, to be included in ~/.ssh/config.
type sshRenderer struct {
	w io.Writer
	look
	hosts       []sshHost
	unreachable int
}

type sshHost struct {
	id, alias string
	name      string // id of the instance, if the alias had to differ
	address   netip.Addr
}

func (r *sshRenderer) add(i ecs.Instance) error {
	h := sshHost{id: hostname.Clean(i.InstanceID), alias: r.ssh.alias(i), address: i.PrivateAddr()}
	if h.alias != i.InstanceName {
		h.name = terminal.Printable(i.InstanceName)
	}
	if r.ssh.public {
		h.address = firstPublic(i)
	}
	switch {
	case h.id == "":
		return fmt.Errorf("the id %q cannot stand in a file of ssh", i.InstanceID)
	case !h.address.IsValid():
		r.unreachable++
	default:
		r.hosts = append(r.hosts, h)
	}
	return nil
}

// end writes all entries: ssh uses the first entry that matches, so no two instances may have the same name.
func (r *sshRenderer) end([]error) error {
	uses := map[string]int{} // in lower case, because ssh compares names ignoring case
	for _, h := range r.hosts {
		uses[strings.ToLower(h.id)]++
		if h.alias != h.id {
			uses[strings.ToLower(h.alias)]++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", terminal.Printable(r.command))
	for _, h := range r.hosts {
		names := h.id
		if h.alias != "" && uses[strings.ToLower(h.alias)] > 1 {
			h.alias += "." + h.id // a counter would change to another instance when one is released
			uses[strings.ToLower(h.alias)]++
		}
		if h.alias != "" && h.alias != h.id && uses[strings.ToLower(h.alias)] == 1 {
			names = h.alias + " " + h.id
		}
		b.WriteByte('\n')
		if h.name != "" {
			fmt.Fprintf(&b, "# %s\n", h.name)
		}
		// The host key belongs to the instance, because another instance may get its address later.
		fmt.Fprintf(&b, "Host %s\n    HostName %s\n    HostKeyAlias %s\n", names, h.address.WithZone(""), h.id)
		r.options(&b)
	}
	if r.unreachable > 0 && r.note != nil {
		kind := "private"
		if r.ssh.public {
			kind = "public"
		}
		r.note(fmt.Sprintf("left out without a %s address: %s", kind, instances(r.unreachable)))
	}
	_, err := io.WriteString(r.w, b.String())
	return err
}

// options writes the settings of the flags for each host.
func (r *sshRenderer) options(b *strings.Builder) {
	if r.ssh.user != "" {
		fmt.Fprintf(b, "    User %s\n", r.ssh.user)
	}
	if r.ssh.proxyJump != "" {
		fmt.Fprintf(b, "    ProxyJump %s\n", r.ssh.proxyJump)
	}
	if r.ssh.identityFile != "" {
		fmt.Fprintf(b, "    IdentityFile \"%s\"\n    IdentitiesOnly yes\n", r.ssh.identityFile)
	}
}
