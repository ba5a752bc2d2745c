package credentials

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// iniProfileKey returns a key from the profile file, which is ~/.alibabacloud/credentials by default. It reads the
// section named by ALIBABA_CLOUD_PROFILE, or the section "default". If the file or the section does not exist,
// iniProfileKey returns a notConfiguredError.
func (s *system) iniProfileKey(ctx context.Context) (foundKey, error) {
	path := cmp.Or(s.getenv("ALIBABA_CLOUD_CREDENTIALS_FILE"), s.homeFile(".alibabacloud", "credentials"))
	if path == "" {
		return foundKey{}, notConfigured("HOME is not set, so there is no ~/.alibabacloud/credentials")
	}
	data, err := readFile(path, maxConfigFile)
	if err != nil {
		return foundKey{}, err
	}
	name := cmp.Or(s.getenv("ALIBABA_CLOUD_PROFILE"), "default")
	section, err := parseINI(string(trimBOM(data)), name)
	if err != nil {
		return foundKey{}, fmt.Errorf("%s: %w", show(path), err)
	}
	if section == nil {
		return foundKey{}, notConfigured("%s has no section %s", show(path), show(name))
	}
	key, err := s.iniSectionKey(ctx, section)
	if err != nil { // the section exists, so a missing key or role is an error
		return foundKey{}, fmt.Errorf("section %s in %s: %s", show(name), show(path), err.Error())
	}
	return key, nil
}

func (s *system) iniSectionKey(ctx context.Context, section map[string]string) (foundKey, error) {
	static := signer.Credentials{AccessKeyID: section["access_key_id"], AccessKeySecret: section["access_key_secret"]}
	switch section["type"] {
	case "access_key":
		return foundKey{Credentials: static, kind: "AK"}, validateKey(static)
	case "ecs_ram_role":
		return s.instanceRole(ctx, section["role_name"])
	case "ram_role_arn":
		r := role{arn: section["role_arn"], sessionName: section["role_session_name"], policy: section["policy"]}
		return s.assumeRole(ctx, static, r)
	case "":
		return foundKey{}, errors.New("type is missing: set it to access_key, ecs_ram_role or ram_role_arn")
	}
	return foundKey{}, errors.New("the type is not supported: use access_key, ecs_ram_role or ram_role_arn")
}

// parseINI returns the values of one section, or nil if the section does not exist. It parses text in the same way as
// credentials-go, which uses gopkg.in/ini.v1 with the default options.
//
// Names are case-sensitive, and the last value of a key is used. The characters # and ; begin a comment, unless they
// are in a value enclosed in quotes, """ or backquotes. A backslash at the end of a line continues the value on the
// next line. Variables such as %(name)s are not expanded.
func parseINI(text, name string) (section map[string]string, err error) {
	lines := strings.Split(text, "\n")
	current := "DEFAULT" // the section of the keys before the first header; it always exists
	if name == current {
		section = map[string]string{}
	}
	for i := 0; i < len(lines); i++ {
		number := i + 1
		line := strings.TrimLeftFunc(lines[i], unicode.IsSpace)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[':
			end := strings.LastIndexByte(line, ']')
			if end < 2 {
				return nil, fmt.Errorf("line %d is not a section header such as [default]", number)
			}
			if current = line[1:end]; current == name && section == nil {
				section = map[string]string{}
			}
			continue
		}
		split := strings.IndexAny(line, "=:")
		if split < 1 {
			return nil, fmt.Errorf("line %d does not have the form key = value", number)
		}
		var value string
		if value, i, err = iniValue(lines, i, line[split+1:]); err != nil {
			return nil, fmt.Errorf("line %d %w", number, err)
		}
		if current == name {
			section[strings.TrimSpace(line[:split])] = value
		}
	}
	return section, nil
}

// iniValue returns the value that starts in lines[i], and the index of the line in which the value ends. The argument
// text is the part of lines[i] after the separator.
func iniValue(lines []string, i int, text string) (value string, last int, err error) {
	text = strings.TrimLeftFunc(text, unicode.IsSpace)
	for _, quote := range []string{`"""`, "`"} {
		if len(text) > 3 && strings.HasPrefix(text, quote) || quote == "`" && strings.HasPrefix(text, quote) {
			return iniMultiline(lines, i, text[len(quote):], quote)
		}
	}
	text = strings.TrimSpace(text)
	if strings.HasSuffix(text, `\`) {
		for strings.HasSuffix(text, `\`) {
			text = text[:len(text)-1]
			next := ""
			if i+1 < len(lines) {
				i++
				next = strings.TrimSpace(lines[i])
			}
			if text += next; next == "" {
				break
			}
		}
		return text, i, nil
	}
	if comment := strings.IndexAny(text, "#;"); comment >= 0 {
		text = strings.TrimSpace(text[:comment])
	}
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '\'') && strings.IndexByte(text[1:], text[0]) == n-2 {
		text = text[1 : n-1]
	}
	return text, i, nil
}

// iniMultiline returns the quoted value that starts in lines[i], and the index of the line that contains the closing
// quote. The argument text is the part of lines[i] after the opening quote.
func iniMultiline(lines []string, i int, text, quote string) (value string, last int, err error) {
	for {
		if end := strings.LastIndex(text, quote); end >= 0 {
			return value + text[:end], i, nil
		}
		if i+1 >= len(lines) {
			return "", i, errors.New("has an opening quote but no closing quote")
		}
		value += text + "\n"
		i++
		text = lines[i]
	}
}
