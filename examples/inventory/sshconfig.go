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

// sshOptions contains the values of the flags for -o ssh-config.
type sshOptions struct {
	public       bool   // use public addresses instead of private addresses
	user         string // login name
	proxyJump    string
	identityFile string
	template     string // template for host names; "" means "{name}"
}

// These patterns match values that are safe to write to an ssh configuration.
var (
	loginName    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]*$`)
	jumpHosts    = regexp.MustCompile(`^[A-Za-z0-9_\[][A-Za-z0-9_.@:,\[\]-]*$`)
	identityFile = regexp.MustCompile(`^[^\pC"\\-][^\pC"\\]*$`)
	placeholder  = regexp.MustCompile(`\{([^{}]*)\}`)
	ownText      = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)
)

// matching returns a function that sets *to to a string if the string matches the pattern.
func matching(to *string, pattern *regexp.Regexp, want string) func(string) error {
	return func(s string) error {
		if !pattern.MatchString(s) {
			return errors.New("want " + want)
		}
		*to = s
		return nil
	}
}

// setTemplate sets the template for host names, such as "{name}.ecs" or "{tag:role}-{id}".
func (o *sshOptions) setTemplate(s string) error {
	for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
		switch key, isTag := strings.CutPrefix(m[1], "tag:"); {
		case isTag && key != "", m[1] == "name", m[1] == "id", m[1] == "region", m[1] == "account":
		default:
			return fmt.Errorf("there is no placeholder {%s}: use {name}, {id}, {region}, {account} or {tag:KEY}", m[1])
		}
	}
	if s == "" || !ownText.MatchString(placeholder.ReplaceAllString(s, "")) || !placeholder.MatchString(s) {
		return errors.New(`must be a template such as "{name}.ecs", made of placeholders, letters, digits, ".", "_" and "-"`)
	}
	// With the template "{name}.{tag:domain}", an instance could replace the host github.com.
	if _, domain, dotted := cutLast(s, "."); dotted && (strings.Contains(domain, "{name}") || strings.Contains(domain, "{tag:")) {
		return errors.New("{name} and {tag:KEY} are not allowed after the last dot, because an instance could take over the name of an Internet host")
	}
	o.template = s
	return nil
}

// cutLast splits a template at the last separator that is not part of a placeholder.
func cutLast(template, separator string) (before, after string, found bool) {
	masked := placeholder.ReplaceAllStringFunc(template, func(m string) string { return strings.Repeat("_", len(m)) })
	if n := strings.LastIndex(masked, separator); n >= 0 {
		return template[:n], template[n+len(separator):], true
	}
	return template, "", false
}

// alias returns the host name of an instance, or "" if the template does not produce a valid host name.
func (o *sshOptions) alias(i ecs.Instance) string {
	if o.template == "" {
		return hostname.FromInstanceName(i.InstanceName)
	}
	complete := true
	name := placeholder.ReplaceAllStringFunc(o.template, func(m string) string {
		value := map[string]string{"{name}": i.InstanceName, "{id}": i.InstanceID, "{region}": i.RegionID, "{account}": selection.Account(i)}[m]
		if key, ok := strings.CutPrefix(strings.Trim(m, "{}"), "tag:"); ok {
			value = tagColumn(key).text(i)
		}
		value = hostname.Sanitize(value)
		complete = complete && value != ""
		return value
	})
	// Valid parts can form an invalid name: "local" and "host" form "localhost". An instance id is a valid name only
	// for the instance with that id.
	if !complete || hostname.Sanitize(name) == "" || hostname.FromInstanceName(name) == "" && name != i.InstanceID {
		return ""
	}
	return name
}

// sshRenderer writes an ssh configuration with a Host entry for each instance.
type sshRenderer struct {
	w io.Writer
	look
	hosts       []sshHost
	unreachable int
}

type sshHost struct {
	id, alias string
	name      string // the instance name, if it differs from the alias
	address   netip.Addr
}

func (r *sshRenderer) add(i ecs.Instance) error {
	h := sshHost{id: hostname.Sanitize(i.InstanceID), alias: r.ssh.alias(i), address: i.PrivateAddr()}
	if h.alias != i.InstanceName {
		h.name = terminal.Printable(i.InstanceName)
	}
	if r.ssh.public {
		h.address = firstPublic(i)
	}
	switch {
	case h.id == "":
		return fmt.Errorf("instance id %q is not valid in an ssh configuration", i.InstanceID)
	case !h.address.IsValid():
		r.unreachable++
	default:
		r.hosts = append(r.hosts, h)
	}
	return nil
}

// end writes the Host entries. Every host name must be unique, because ssh uses only the first entry with a name.
func (r *sshRenderer) end([]error) error {
	uses := map[string]int{} // keys are lowercase, because host names are not case-sensitive
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
			h.alias += "." + h.id // unlike a counter, the id always refers to the same instance
			uses[strings.ToLower(h.alias)]++
		}
		if h.alias != "" && h.alias != h.id && uses[strings.ToLower(h.alias)] == 1 {
			names = h.alias + " " + h.id
		}
		b.WriteByte('\n')
		if h.name != "" {
			fmt.Fprintf(&b, "# %s\n", h.name)
		}
		// Store host keys under the instance id, because an address may later belong to another instance.
		fmt.Fprintf(&b, "Host %s\n    HostName %s\n    HostKeyAlias %s\n", names, h.address.WithZone(""), h.id)
		r.options(&b)
	}
	if r.unreachable > 0 && r.note != nil {
		kind := "private"
		if r.ssh.public {
			kind = "public"
		}
		r.note(fmt.Sprintf("left out %[2]s without a %[1]s address", kind, instances(r.unreachable)))
	}
	_, err := io.WriteString(r.w, b.String())
	return err
}

// options writes the settings that are the same for each host.
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
