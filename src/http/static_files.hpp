// Files served from memory: styles, scripts, images.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "http/router.hpp"

namespace dayaq::http {

/// The files of a folder, read once.
class StaticFiles {
 public:
  struct File {
    std::string content;
    std::string content_type;
    std::string version;  ///< 16 hexadecimal digits that change with the content
  };
  /// not_found "static.folder" if it can't be read; errors of base's read_file for a file in it.
  static Result<StaticFiles> load(const std::filesystem::path& folder);

  /// "/static/app.css?v=0123456789abcdef": may be cached for ever, since another content has another address.
  /// A name that isn't there gives its address without a version, which answers 404.
  [[nodiscard]] std::string url(std::string_view name) const;
  [[nodiscard]] const std::map<std::string, File, std::less<>>& files() const { return files_; }

 private:
  std::map<std::string, File, std::less<>> files_;
};

/// One route for each file, at /static/NAME. With the right `v` the answer may be cached for a year; without
/// it, it is asked for again with If-None-Match and costs a 304. `files` is shared by the handlers.
/// @see RFC 9110 section 13.1.2, RFC 8246
void add_static_routes(Router& router, std::shared_ptr<const StaticFiles> files);

/// Loads and adds in one step, for whoever needs no addresses.
Result<std::shared_ptr<const StaticFiles>> add_static_routes(Router& router,
                                                             const std::filesystem::path& folder);

}  // namespace dayaq::http
