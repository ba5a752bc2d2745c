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

// errLayout means that the login cannot be replaced without changing other parts of the configuration file.
var errLayout = errors.New("the layout of the file is unusual")

// replaceLogin returns content with the login of the named profile replaced by token. All other bytes remain unchanged.
// If replacing the login would change any other part of the configuration, replaceLogin returns errLayout.
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
		text, _ := json.Marshal(value) // cannot fail for strings and numbers
		edited = setMember(edited, index, loginMembers[i], text)
	}
	edited = append(bytes.Clone(bom), edited...)
	stored, err := storedLogin("", edited, name)
	if err != nil || stored != token || !reflect.DeepEqual(withoutLogin(content, index), withoutLogin(edited, index)) {
		return nil, errLayout
	}
	return edited, nil
}

// loginMembers contains the names of the JSON members that store a login in a profile. The order is that of the fields
// of oauthToken.
var loginMembers = []string{"oauth_access_token", "oauth_refresh_token", "oauth_access_token_expire"}

// setMember sets a JSON member of the profile with the given index. A new member is inserted before the existing
// members. If there is no profile with this index, the result is not a valid configuration.
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

// withoutLogin decodes a configuration file and removes the login members from the profile with the given index.
func withoutLogin(content []byte, index int) (config map[string]any) {
	_ = decodeJSON(content, &config) // cannot fail: parseConfig has accepted the content
	if profiles, _ := config["profiles"].([]any); index < len(profiles) {
		profile, _ := profiles[index].(map[string]any)
		for _, name := range loginMembers {
			delete(profile, name)
		}
	}
	return config
}

// span is a range of bytes in a document.
type span struct{ start, end int }

// memberOf returns the position of a value in a JSON object or array, which is at position parent in content. In an
// object, name is the name of the member. If several members have this name, memberOf returns the last one. In an
// array, name is the index of the element.
func memberOf(content []byte, parent span, name string) (found span, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(content[parent.start:parent.end]))
	open, _ := dec.Token()
	for i := 0; dec.More(); i++ { // no iterations if the value is neither an object nor an array
		key := strconv.Itoa(i)
		if open == json.Delim('{') {
			token, _ := dec.Token()
			if key, ok = token.(string); !ok {
				return span{}, false
			}
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return span{}, false
		}
		if end := parent.start + int(dec.InputOffset()); strings.EqualFold(key, name) {
			found = span{end - len(value), end}
		}
	}
	return found, found != span{}
}

// lockedFile is a locked configuration file, together with the temporary file that will replace it.
type lockedFile struct {
	path    string // with symbolic links resolved
	file    *os.File
	temp    *os.File
	content []byte
}

// openLocked opens the configuration file and locks it. If another process holds the lock, openLocked waits for up to
// 15 s and then returns an error. Other programs are expected to hold the lock only briefly.
//
// The lock is an exclusive flock on the file itself, as in credentials-go (1.4.14, providers/cli_profile.go,
// writeConfigurationToFileWithLock). On Windows, credentials-go uses LockFileEx, but this package does not refresh
// logins on Windows.
//
// The vendor CLI does not lock the file (config/configuration.go, SaveConfiguration). Therefore, update reads the file
// again and keeps changes made by the CLI.
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
	return nil, errors.New("another process keeps the file locked")
}

// tryOpenLocked is like openLocked but does not wait. It returns nil and no error if another process holds the lock or
// has just replaced the file.
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

// lock locks f, reads its content and creates the temporary file. It returns false if another process holds the lock,
// or if the path now refers to a different file.
func (f *lockedFile) lock() (bool, error) {
	if locked, err := tryLock(f.file); !locked {
		return false, err
	}
	info, err := f.file.Stat()
	if err != nil {
		return false, osError(err)
	}
	if now, statErr := os.Stat(f.path); statErr != nil || !os.SameFile(info, now) {
		return false, nil //nolint:nilerr // the file is being replaced, so the caller must open it again
	}
	if f.content, err = readFile(f.path, maxConfigFile); err != nil {
		return false, err
	}
	return true, f.createTemp(info)
}

// createTemp creates the temporary file that will replace the configuration file. Both files have the same directory,
// mode and owner.
func (f *lockedFile) createTemp(info os.FileInfo) error {
	temp, err := os.CreateTemp(filepath.Dir(f.path), filepath.Base(f.path)+".tmp-")
	if err != nil {
		return fmt.Errorf("the directory is not writable: %w", osError(err))
	}
	f.temp = temp
	// Write placeholder data to detect a full disk before the login is refreshed. The method update overwrites the
	// data.
	if _, err = temp.Write(make([]byte, len(f.content)+16<<10)); err != nil {
		return osError(err)
	}
	if err = keepOwner(temp, info); err != nil {
		return fmt.Errorf("the owner of the file cannot be preserved: %w", osError(err))
	}
	if err = temp.Chmod(info.Mode().Perm()); err != nil {
		return fmt.Errorf("the mode of the file cannot be preserved: %w", osError(err))
	}
	return nil
}

// update atomically replaces the content of the file with the result of edit. The argument of edit is the current
// content, so changes made by other programs in the meantime are preserved.
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

// close releases the lock. It also removes the temporary file, unless update has moved it to its final path.
func (f *lockedFile) close() {
	if f.temp != nil {
		_ = f.temp.Close()
		_ = os.Remove(f.temp.Name())
	}
	_ = f.file.Close()
}
