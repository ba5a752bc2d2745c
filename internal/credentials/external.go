package credentials

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"runtime"
	"strings"
	"time"
	"unicode"

	"github.com/aliyun-ecs/sdk-go/signer"
)

const (
	maxOutput = 64 << 10 // maximum output of an external command in bytes
	// outputWaitTime is how long to wait for the rest of the output after the command has exited. Child processes may
	// keep the output open.
	outputWaitTime = 2 * time.Second
)

// externalKey runs a command that prints a key as JSON. The command's standard input is empty, and its standard error
// is discarded. When the context is done, the command is killed, together with its child processes on systems that have
// process groups.
func externalKey(ctx context.Context, command string) (foundKey, error) {
	args, err := splitCommand(command, runtime.GOOS == "windows")
	if err != nil {
		return foundKey{}, fmt.Errorf("process_command %w", err)
	}
	var output limitedBuffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // running the command of the profile is the purpose
	cmd.Stdout = &output
	cmd.WaitDelay = outputWaitTime
	killChildren(cmd)
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return foundKey{}, ctx.Err()
	case output.overflow:
		return foundKey{}, fmt.Errorf("process_command printed more than %d KiB", maxOutput>>10)
	case errors.As(err, &exit):
		return foundKey{}, fmt.Errorf("process_command failed: %v", exit.ProcessState)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return foundKey{}, fmt.Errorf("process_command could not be started: %w", startError(err))
	}
	return externalOutput(output.data.Bytes())
}

func startError(err error) error {
	var lookup *exec.Error
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("the program does not exist or is not in PATH")
	case errors.Is(err, exec.ErrDot):
		return errors.New("the program is in the current directory: write ./ before its name")
	case errors.Is(err, fs.ErrPermission), errors.As(err, &lookup):
		return errors.New("the program is not an executable file")
	}
	return osError(err)
}

// externalOutput parses the JSON output of an external command.
func externalOutput(data []byte) (foundKey, error) {
	var out struct {
		cliProfile
		Expiration string `json:"expiration"`
	}
	if err := decodeJSON(data, &out); err != nil {
		return foundKey{}, fmt.Errorf("process_command printed output that is %w", err)
	}
	mode := canonicalMode(out.Mode, supportedModes)
	switch {
	case out.Mode != "" && mode != "AK" && mode != "StsToken":
		return foundKey{}, errors.New("process_command printed a mode other than AK and StsToken")
	case mode == "StsToken" && out.StsToken == "":
		return foundKey{}, errors.New("process_command printed no sts_token")
	}
	key := signer.Credentials{AccessKeyID: out.AccessKeyID, AccessKeySecret: out.AccessKeySecret, SecurityToken: out.StsToken}
	if err := validateKey(key); err != nil {
		return foundKey{}, fmt.Errorf("process_command printed no usable key: %w", err)
	}
	return foundKey{Credentials: key, expires: parseExpiration(out.Expiration)}, nil
}

// limitedBuffer is a buffer for up to maxOutput bytes. A write beyond the limit fails, which ends the command.
type limitedBuffer struct {
	data     bytes.Buffer
	overflow bool
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.data.Len()+len(p) > maxOutput {
		b.overflow = true
		return 0, errors.New("the output is too large")
	}
	return b.data.Write(p)
}

// splitCommand splits a command line into words by the rules of credentials-go. White space inside single or double
// quotes does not end a word. A backslash escapes the next character, but inside double quotes only ", \, $ or `. A
// backslash and a line break after it are removed. On Windows, a backslash escapes only a double quote inside double
// quotes.
func splitCommand(line string, windows bool) ([]string, error) {
	var (
		words  []string
		word   strings.Builder
		inWord bool
		quote  rune // the open quote, or 0
	)
	runes := []rune(strings.TrimSpace(line))
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case r == '\\' && escapes(quote, runes[i+1:], windows):
			i++
			if runes[i] != '\n' {
				word.WriteRune(runes[i])
				inWord = true
			}
		case r == '\\' && quote == 0 && !windows: // the backslash is the last character
			return nil, errors.New("ends with a backslash")
		case r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case quote == 0 && unicode.IsSpace(r):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("has an unclosed quote")
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New("is empty")
	}
	return words, nil
}

// escapes reports whether a backslash escapes the next character. The argument quote is the open quote, or 0, and rest
// is the text after the backslash.
func escapes(quote rune, rest []rune, windows bool) bool {
	switch {
	case len(rest) == 0 || quote == '\'':
		return false
	case windows:
		return quote == '"' && rest[0] == '"'
	case quote == '"':
		return strings.ContainsRune("\"\\$`\n", rest[0])
	}
	return true
}
