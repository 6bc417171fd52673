// SPDX-License-Identifier: LGPL-3.0-or-later

// Package fileref makes file system objects of RFC 37 from files, and files
// from them: directories, symbolic links, and regular files whose contents are
// in the object or, blob by blob, in the content store (RFC 10). Holes of files
// stay holes.
//
// Extraction stays below the directory it is given, whatever paths and links an
// archive has.
package fileref
