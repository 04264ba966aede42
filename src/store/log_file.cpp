#include "store/log_file.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace dayaq::store {

namespace {

/// Below 128 KB: SQLite's Unix layer cuts a write's length to 17 bits.
constexpr sqlite3_int64 piece_bytes = 112 << 10;

sqlite3_vfs* unix_vfs = nullptr;

/// In the memory that SQLite gives a file, before the file of the layer below.
struct LogFile {
  sqlite3_file base{};
  sqlite3_int64 at = 0;    ///< where what waits begins
  sqlite3_int64 size = 0;  ///< of what waits
  std::unique_ptr<char[]> waits;

  [[nodiscard]] sqlite3_file* below();
  int put_out();
};

constexpr std::size_t head_bytes = (sizeof(LogFile) + 15) / 16 * 16;

sqlite3_file* LogFile::below() {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(this) + head_bytes);
}

/// What can't be written is dropped: SQLite learns it from the call that wanted it, and undoes.
int LogFile::put_out() {
  if (size == 0) return SQLITE_OK;
  const int amount = static_cast<int>(size);
  size = 0;
  return below()->pMethods->xWrite(below(), waits.get(), amount, at);
}

LogFile& log_of(sqlite3_file* file) {
  return *reinterpret_cast<LogFile*>(file);
}

int on_close(sqlite3_file* file) {
  LogFile& log = log_of(file);
  (void)log.put_out();
  const int code = log.below()->pMethods->xClose(log.below());
  log.~LogFile();
  return code;
}

int on_read(sqlite3_file* file, void* to, int amount, sqlite3_int64 at) {
  LogFile& log = log_of(file);
  if (const int code = log.put_out(); code != SQLITE_OK) return code;
  return log.below()->pMethods->xRead(log.below(), to, amount, at);
}

int on_write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 at) {
  LogFile& log = log_of(file);
  if (at != log.at + log.size || log.size + amount > piece_bytes) {
    if (const int code = log.put_out(); code != SQLITE_OK) return code;
  }
  if (amount > piece_bytes) return log.below()->pMethods->xWrite(log.below(), from, amount, at);
  if (!log.waits) log.waits.reset(new (std::nothrow) char[piece_bytes]);
  if (!log.waits) return SQLITE_IOERR_NOMEM;
  if (log.size == 0) log.at = at;
  std::memcpy(log.waits.get() + log.size, from, static_cast<std::size_t>(amount));
  log.size += amount;
  return SQLITE_OK;
}

int on_truncate(sqlite3_file* file, sqlite3_int64 size) {
  LogFile& log = log_of(file);
  if (const int code = log.put_out(); code != SQLITE_OK) return code;
  return log.below()->pMethods->xTruncate(log.below(), size);
}

int on_sync(sqlite3_file* file, int flags) {
  LogFile& log = log_of(file);
  if (const int code = log.put_out(); code != SQLITE_OK) return code;
  return log.below()->pMethods->xSync(log.below(), flags);
}

int on_file_size(sqlite3_file* file, sqlite3_int64* size) {
  LogFile& log = log_of(file);
  if (const int code = log.put_out(); code != SQLITE_OK) return code;
  return log.below()->pMethods->xFileSize(log.below(), size);
}

int on_lock(sqlite3_file* file, int kind) {
  return log_of(file).below()->pMethods->xLock(log_of(file).below(), kind);
}
int on_unlock(sqlite3_file* file, int kind) {
  return log_of(file).below()->pMethods->xUnlock(log_of(file).below(), kind);
}
int on_check_lock(sqlite3_file* file, int* out) {
  return log_of(file).below()->pMethods->xCheckReservedLock(log_of(file).below(), out);
}
int on_control(sqlite3_file* file, int what, void* value) {
  return log_of(file).below()->pMethods->xFileControl(log_of(file).below(), what, value);
}
int on_sector_size(sqlite3_file* file) {
  return log_of(file).below()->pMethods->xSectorSize(log_of(file).below());
}
int on_device(sqlite3_file* file) {
  return log_of(file).below()->pMethods->xDeviceCharacteristics(log_of(file).below());
}

/// Version 1: shared memory and mapping are the database file's.
sqlite3_io_methods log_methods() {
  sqlite3_io_methods out{};
  out.iVersion = 1;
  out.xClose = on_close;
  out.xRead = on_read;
  out.xWrite = on_write;
  out.xTruncate = on_truncate;
  out.xSync = on_sync;
  out.xFileSize = on_file_size;
  out.xLock = on_lock;
  out.xUnlock = on_unlock;
  out.xCheckReservedLock = on_check_lock;
  out.xFileControl = on_control;
  out.xSectorSize = on_sector_size;
  out.xDeviceCharacteristics = on_device;
  return out;
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  if ((flags & SQLITE_OPEN_WAL) == 0) return unix_vfs->xOpen(unix_vfs, name, file, flags, flags_out);
  static const sqlite3_io_methods methods = log_methods();
  auto* log = new (file) LogFile;
  std::memset(log->below(), 0, static_cast<std::size_t>(unix_vfs->szOsFile));
  const int code = unix_vfs->xOpen(unix_vfs, name, log->below(), flags, flags_out);
  if (code == SQLITE_OK) {
    log->base.pMethods = &methods;
    return code;
  }
  log->~LogFile();
  file->pMethods = nullptr;  // SQLite closes no file without methods
  return code;
}

const char* registered() {
  unix_vfs = sqlite3_vfs_find(nullptr);
  if (unix_vfs == nullptr) return nullptr;
  static sqlite3_vfs ours;
  ours = *unix_vfs;
  ours.pNext = nullptr;
  ours.zName = "dayaq";
  ours.szOsFile = std::max(unix_vfs->szOsFile, static_cast<int>(head_bytes) + unix_vfs->szOsFile);
  ours.xOpen = open_file;
  return sqlite3_vfs_register(&ours, 0) == SQLITE_OK ? ours.zName : nullptr;
}

}  // namespace

const char* log_vfs() {
  static const char* const name = registered();
  return name;
}

}  // namespace dayaq::store
