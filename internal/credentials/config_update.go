package credentials

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// replaceLogin returns the content with the login of a profile replaced; every other byte is unchanged. It
// verifies the result, and fails if anything else would change.
func replaceLogin(content []byte, name string, token oauthToken) ([]byte, error) {
	unusual := errors.New("its layout is not the usual one")
	config, err := parseConfig("", content)
	if err != nil {
		return nil, unusual
	}
	_, index, err := config.find(name)
	if err != nil {
		return nil, unusual
	}
	bom := content[:len(content)-len(trimBOM(content))]
	edited := trimBOM(content)
	for _, member := range []struct {
		name  string
		value any
	}{{"oauth_access_token", token.access}, {"oauth_refresh_token", token.refresh}, {"oauth_access_token_expire", token.expires}} {
		value, err := json.Marshal(member.value)
		if err != nil {
			return nil, unusual
		}
		if edited, err = setMember(edited, index, member.name, value); err != nil {
			return nil, unusual
		}
	}
	edited = append(bytes.Clone(bom), edited...)
	if stored, err := storedLogin("", edited, name); err != nil || stored != token || !sameButLogin(content, edited, index) {
		return nil, unusual
	}
	return edited, nil
}

// setMember sets a member of the profile with the given index. A missing member is inserted before the others.
func setMember(content []byte, index int, name string, value []byte) ([]byte, error) {
	profiles, ok := memberOf(content, span{0, len(content)}, "profiles")
	if !ok {
		return nil, errors.New("no profiles")
	}
	profile, ok := memberOf(content, profiles, strconv.Itoa(index))
	if !ok {
		return nil, errors.New("no profile")
	}
	old, ok := memberOf(content, profile, name)
	text := value
	if !ok {
		old = span{profile.start + 1, profile.start + 1}
		text = []byte(strconv.Quote(name) + ": " + string(value) + ", ")
	}
	return bytes.Join([][]byte{content[:old.start], text, content[old.end:]}, nil), nil
}

// span is a part of a document.
type span struct{ start, end int }

// memberOf returns the position of the last member with the given name, or of the element with the given index, in
// the object or array at the given position.
func memberOf(content []byte, at span, name string) (found span, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(content[at.start:at.end]))
	open, err := dec.Token()
	if err != nil || open != json.Delim('{') && open != json.Delim('[') {
		return span{}, false
	}
	for i := 0; dec.More(); i++ {
		key := strconv.Itoa(i)
		if open == json.Delim('{') {
			token, err := dec.Token()
			if key, ok = token.(string); err != nil || !ok {
				return span{}, false
			}
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return span{}, false
		}
		if end := at.start + int(dec.InputOffset()); strings.EqualFold(key, name) {
			found = span{end - len(value), end}
		}
	}
	return found, found != span{}
}

// sameButLogin reports whether two configurations are equal except for the login of the profile with the given
// index.
func sameButLogin(a, b []byte, index int) bool {
	var rest [2][]byte
	for i, content := range [][]byte{a, b} {
		var config map[string]any
		if decodeJSON(content, &config) != nil {
			return false
		}
		profiles, ok := config["profiles"].([]any)
		if !ok || index >= len(profiles) {
			return false
		}
		profile, ok := profiles[index].(map[string]any)
		if !ok {
			return false
		}
		delete(profile, "oauth_access_token")
		delete(profile, "oauth_refresh_token")
		delete(profile, "oauth_access_token_expire")
		var err error
		if rest[i], err = json.Marshal(config); err != nil {
			return false
		}
	}
	return bytes.Equal(rest[0], rest[1])
}

// lockedFile is a locked configuration file, with the temporary file that will replace it.
type lockedFile struct {
	path    string // with symbolic links resolved
	file    *os.File
	temp    *os.File
	content []byte
}

// openLocked locks the configuration file in the same way as credentials-go when it writes it: with an exclusive
// flock on the file itself (1.4.14, providers/cli_profile.go writeConfigurationToFileWithLock; LockFileEx on
// Windows, where no login is refreshed here). The vendor CLI takes no lock at all (config/configuration.go
// SaveConfiguration), so update reads the file once more and keeps its changes. openLocked waits for the lock up
// to 15 s, longer than another process needs to refresh.
func openLocked(ctx context.Context, path string) (*lockedFile, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, osError(err)
	}
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for range 300 {
		f, err := tryOpenLocked(path)
		if f != nil || err != nil {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-poll.C:
		}
	}
	return nil, errors.New("another process keeps it locked")
}

// tryOpenLocked returns nil without an error if another process holds the lock, or has just replaced the file.
func tryOpenLocked(path string) (*lockedFile, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // G304: the user's own configuration
	if err != nil {
		return nil, osError(err)
	}
	f := &lockedFile{path: path, file: file}
	locked, err := tryLock(file)
	if err != nil || !locked {
		f.close()
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		f.close()
		return nil, osError(err)
	}
	if now, statErr := os.Stat(path); statErr != nil || !os.SameFile(info, now) {
		f.close()
		return nil, nil //nolint:nilerr // the file is being replaced: the caller opens it once more
	}
	if f.content, err = readFile(path, maxConfigFile); err == nil {
		err = f.createTemp(info)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// createTemp creates the file that will replace the configuration, in the same directory and with the same mode
// and owner.
func (f *lockedFile) createTemp(info os.FileInfo) error {
	temp, err := os.CreateTemp(filepath.Dir(f.path), filepath.Base(f.path)+".tmp-")
	if err != nil {
		return fmt.Errorf("its directory cannot be written: %w", osError(err))
	}
	f.temp = temp
	// A full disk must be detected before the login is refreshed. update overwrites what is written here.
	if _, err = temp.Write(make([]byte, len(f.content)+16<<10)); err != nil {
		return osError(err)
	}
	if err = keepOwner(temp, info); err != nil {
		return fmt.Errorf("its owner cannot be kept: %w", osError(err))
	}
	if err = temp.Chmod(info.Mode().Perm()); err != nil {
		return fmt.Errorf("its mode cannot be kept: %w", osError(err))
	}
	return nil
}

// update replaces the file's content atomically. Changes that others made after it was read are kept.
func (f *lockedFile) update(edit func([]byte) ([]byte, error)) error {
	content, err := readFile(f.path, maxConfigFile)
	if err != nil {
		return err
	}
	edited, err := edit(content)
	if err != nil {
		return err
	}
	if _, err = f.temp.WriteAt(edited, 0); err != nil {
		return osError(err)
	}
	if err = f.temp.Truncate(int64(len(edited))); err != nil {
		return osError(err)
	}
	if err = f.temp.Sync(); err != nil {
		return osError(err)
	}
	if err = os.Rename(f.temp.Name(), f.path); err != nil {
		return osError(err)
	}
	_ = f.temp.Close()
	f.temp = nil
	return nil
}

// close releases the lock and removes a temporary file that was not used.
func (f *lockedFile) close() {
	if f.temp != nil {
		_ = f.temp.Close()
		_ = os.Remove(f.temp.Name())
	}
	_ = f.file.Close()
}
