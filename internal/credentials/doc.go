// Package credentials finds the access key that signs requests, and refreshes temporary keys.
//
// A [Chain] looks for a key in the same places as the vendor's tools, in the order that the vendor documents.
// [NewProfile] reads one profile of the vendor CLI. A [Cache] caches the key of any [Provider], so that a client can
// ask for the key before every request.
//
// The package performs all I/O itself, because the providers of github.com/aliyun/credentials-go ignore the context,
// read responses without a size limit, quote responses in errors, print to stdout and follow redirects.
//
// Errors from this package never quote the content of a file, a server's response or the output of a child process.
// They name the path, mode, status or kind of failure, and tell the user what to do.
package credentials
