//go:build unix

package credentials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// script creates an executable shell script and returns its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "command")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExternal(t *testing.T) {
	t.Parallel()
	key := `{"mode":"StsToken","access_key_id":"id1","access_key_secret":"secret1","sts_token":"token1","expiration":"2100-01-01T00:00:00Z"}`
	for name, c := range map[string]struct {
		text    string
		want    signer.Credentials
		message string
	}{
		"a key":               {"echo planted >&2; echo '" + key + "'", keyOf(1), ""},
		"no mode":             {`echo '{"access_key_id":"a","access_key_secret":"b"}'`, signer.Credentials{AccessKeyID: "a", AccessKeySecret: "b"}, ""},
		"leaves a child":      {"sleep 20 & echo '" + key + "'", keyOf(1), ""},
		"fails":               {"echo planted; echo planted >&2; exit 3", none, "exit status 3"},
		"dies":                {"kill -9 $$", none, "signal: killed"},
		"no JSON":             {"echo planted", none, "not valid JSON"},
		"nothing":             {"", none, "not valid JSON"},
		"no key":              {`echo '{"mode":"AK"}'`, none, "is empty"},
		"no token":            {`echo '{"mode":"StsToken","access_key_id":"a","access_key_secret":"planted"}'`, none, "no sts_token"},
		"another mode":        {`echo '{"mode":"planted","access_key_id":"a","access_key_secret":"planted"}'`, none, "a mode other than AK and StsToken"},
		"a line break":        {`printf %s '{"access_key_id":"a\n","access_key_secret":"planted"}'`, none, "line break"},
		"too much output":     {"while echo planted; do :; done", none, "more than 64 KiB"},
		"reads its input":     {"read x; echo '" + key + "'", keyOf(1), ""},
		"a duration of years": {`echo '{"access_key_id":"a","access_key_secret":"b","expiration":"later"}'`, signer.Credentials{AccessKeyID: "a", AccessKeySecret: "b"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			got, err := externalKey(t.Context(), script(t, c.text))
			if took := time.Since(start); took > 15*time.Second {
				t.Errorf("the command took %v", took)
			}
			if got.Credentials != c.want || (err == nil) != (c.message == "") || err != nil && !strings.Contains(err.Error(), c.message) {
				t.Fatalf("%q %v, want %s", got.AccessKeyID, err, c.message)
			}
			if err != nil {
				checkText(t, err)
			}
			if name == "a key" && got.expires.Year() != 2100 {
				t.Error(got.expires)
			}
		})
	}
	if key, err := externalKey(t.Context(), script(t, `[ "$1" = "a b" ] && echo '`+key+`'`)+` a\ b`); key.Credentials != keyOf(1) || err != nil {
		t.Errorf("an escaped argument: %v", err)
	}
	for command, want := range map[string]string{"/does/not/exist planted": "no such file", "no-such-program-in-path": "not in PATH", "/": "not an executable"} {
		_, err := externalKey(t.Context(), command)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", command, err)
		}
		checkText(t, err)
	}
}

// TestOwnerIsKept checks that updating a configuration file does not change the owner and the group of the file.
func TestOwnerIsKept(t *testing.T) {
	t.Parallel()
	needFlock(t)
	if os.Getuid() != 0 {
		t.Skip("only root may change the owner of a file")
	}
	for _, owner := range [][2]int{{0, 0}, {12345, 0}, {0, 12346}} {
		w := newWorld(t)
		path := w.config("{}")
		if err := os.Chown(path, owner[0], owner[1]); err != nil {
			t.Fatal(err)
		}
		file, err := openLocked(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		err = file.update(func([]byte) ([]byte, error) { return []byte("[]"), nil })
		file.close()
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil {
			t.Fatal(err, statErr)
		}
		if s, ok := info.Sys().(*syscall.Stat_t); !ok || int(s.Uid) != owner[0] || int(s.Gid) != owner[1] {
			t.Errorf("%+v, want owner %v", info.Sys(), owner)
		}
	}
}

// TestHomeFile checks that the home directory is the value of HOME, even if other variables such as USERPROFILE are
// set.
func TestHomeFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "USERPROFILE", "")
	if got, want := w.homeFile("x"), filepath.Join(w.home, "x"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestExternalDiesWithItsChildren checks that the external command and its child processes are killed when the context
// is done.
func TestExternalDiesWithItsChildren(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithCancel(t.Context())
	command := script(t, fmt.Sprintf("sleep 100 & echo $$ $! >%[1]s.new; mv %[1]s.new %[1]s; wait", pids))
	go func() {
		for {
			if _, err := os.Stat(pids); err == nil {
				cancel()
				return
			}
			<-time.After(5 * time.Millisecond)
		}
	}()
	start := time.Now()
	if _, err := externalKey(ctx, command); !errors.Is(err, context.Canceled) || time.Since(start) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	data, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for field := range strings.FieldsSeq(string(data)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); running(pid); <-time.After(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("process %d is still running", pid)
				break
			}
		}
	}
}

// running reports whether a process is running. A zombie does not count as running.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

// TestPipesAreRefused checks that a pipe is rejected immediately where a file is expected. Opening the pipe could
// block.
func TestPipesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pipe := filepath.Join(w.home, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for _, env := range [][]string{
		{"ALIBABA_CLOUD_CONFIG_FILE", pipe},
		{"ALIBABA_CLOUD_CREDENTIALS_FILE", pipe},
		{"ALIBABA_CLOUD_OIDC_TOKEN_FILE", pipe, "ALIBABA_CLOUD_ROLE_ARN", "r", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "p"},
	} {
		w := newWorld(t, env...)
		if _, err := newChain(w.system).Credentials(t.Context()); err == nil || !strings.Contains(err.Error(), "pipe is not a regular file") {
			t.Errorf("%s: %v", env[0], err)
		}
	}
}
