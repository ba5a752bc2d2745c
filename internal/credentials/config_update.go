package credentials

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// errLayout means that a configuration cannot be edited without changing anything else.
var errLayout = errors.New("its layout is not the usual one")

// replaceLogin returns the content with the login of a profile replaced; every other byte is unchanged. It
// verifies the result, and fails if anything else would change.
func replaceLogin(content []byte, name string, token oauthToken) ([]byte, error) {
	config, err := parseConfig("", content)
	if err != nil {
		return nil, errLayout
	}
	_, index, err := config.find(name)
	if err != nil {
		return nil, errLayout
	}
	edited := trimBOM(content)
	bom := content[:len(content)-len(edited)]
	for i, value := range []any{token.access, token.refresh, token.expires} {
		text, _ := json.Marshal(value) // cannot fail
		edited = setMember(edited, index, loginMembers[i], text)
	}
	edited = append(bytes.Clone(bom), edited...)
	stored, err := storedLogin("", edited, name)
	if err != nil || stored != token || !reflect.DeepEqual(withoutLogin(content, index), withoutLogin(edited, index)) {
		return nil, errLayout
	}
	return edited, nil
}

// loginMembers are the members of a profile that make up an oauthToken, in the order of its fields.
var loginMembers = []string{"oauth_access_token", "oauth_refresh_token", "oauth_access_token_expire"}

// setMember sets a member of the profile with the given index. A missing member is inserted before the others. If
// there is no such profile, the result is not a valid configuration.
func setMember(content []byte, index int, name string, value []byte) []byte {
	profiles, _ := memberOf(content, span{0, len(content)}, "profiles")
	profile, _ := memberOf(content, profiles, strconv.Itoa(index))
	old, ok := memberOf(content, profile, name)
	if !ok {
		old = span{profile.start + 1, profile.start + 1}
		value = []byte(strconv.Quote(name) + ": " + string(value) + ", ")
	}
	return slices.Concat(content[:old.start], value, content[old.end:])
}

// withoutLogin decodes a configuration and removes the login of the profile with the given index.
func withoutLogin(content []byte, index int) (config map[string]any) {
	_ = decodeJSON(content, &config) // parseConfig has accepted it
	if profiles, _ := config["profiles"].([]any); index < len(profiles) {
		profile, _ := profiles[index].(map[string]any)
		for _, name := range loginMembers {
			delete(profile, name)
		}
	}
	return config
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
	for range 300 {
		f, err := tryOpenLocked(path)
		if f != nil || err != nil {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
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
	current, err := f.lock()
	if err != nil || !current {
		f.close()
		return nil, err
	}
	return f, nil
}

// lock prepares f for update. It reports whether the lock is free and the file is still the one at its path.
func (f *lockedFile) lock() (bool, error) {
	if locked, err := tryLock(f.file); err != nil || !locked {
		return false, err
	}
	info, err := f.file.Stat()
	if err != nil {
		return false, osError(err)
	}
	if now, statErr := os.Stat(f.path); statErr != nil || !os.SameFile(info, now) {
		return false, nil //nolint:nilerr // the file is being replaced: the caller opens it once more
	}
	if f.content, err = readFile(f.path, maxConfigFile); err != nil {
		return false, err
	}
	return true, f.createTemp(info)
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
