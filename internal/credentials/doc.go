// Package credentials finds the access key that signs a request, and refreshes it.
//
// A [Chain] looks for a key in the places that the vendor's tools use, in their documented order; [NewProfile]
// reads one profile of the vendor CLI. A [Cache] makes these, and any other [Provider], safe to call before every
// request.
//
// The package performs all I/O itself, because the providers of github.com/aliyun/credentials-go ignore the
// context, read responses without a limit, quote them in errors, print to stdout and follow redirects. No error of
// this package quotes a file, a server or a child process. It names the path, mode, status or kind of failure, and
// what to do.
package credentials
