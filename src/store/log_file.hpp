// SQLite's write-ahead log, written in long pieces. Not for other rooms.
//
// SQLite writes each page of its log with two calls, 24 bytes of a frame's head and the page: a commit of two
// hundred pages is four hundred system calls. Behind this VFS what continues the last write waits in memory
// and goes out together: before the file is flushed, read, measured or cut, and when a piece is full.
//
// Only with synchronous=FULL: each commit flushes the log before its frames show in the shared index, so that
// other connections, which read the file, never look for what still waits here. What a crash loses of it
// belonged to a transaction that wasn't committed.
#pragma once

namespace dayaq::store {

/// The VFS's name for sqlite3_open_v2(), registered by the first call; null if SQLite refuses it.
[[nodiscard]] const char* log_vfs();

}  // namespace dayaq::store
