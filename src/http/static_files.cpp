#include "http/static_files.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/file.hpp"
#include "base/siphash.hpp"
#include "http/encoding.hpp"

namespace dayaq::http {
namespace {

std::string type_of(const std::string& extension) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 13> types{{
      {".css", "text/css; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".mjs", "text/javascript; charset=utf-8"},
      {".html", "text/html; charset=utf-8"},
      {".txt", "text/plain; charset=utf-8"},
      {".json", "application/json"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".webp", "image/webp"},
      {".ico", "image/x-icon"},
      {".woff2", "font/woff2"},
      {".pdf", "application/pdf"},
  }};
  for (const auto& [ending, type] : types) {
    if (extension == ending) return std::string(type);
  }
  return "application/octet-stream";
}

Response answer(const StaticFiles::File& file, const Request& request) {
  const std::string etag = '"' + file.version + '"';
  Response response{.status = 200, .content_type = file.content_type, .body = {}, .headers = {}};
  response.headers.emplace_back("ETag", etag);
  const bool immutable = request.query_value("v") == file.version;
  response.headers.emplace_back("Cache-Control",
                                immutable ? "public, max-age=31536000, immutable" : "no-cache");
  const std::string_view known = request.header("if-none-match");
  if (known == "*" || known.find(etag) != std::string_view::npos) {
    response.status = 304;
  } else {
    response.body = file.content;
  }
  return response;
}

}  // namespace

Result<StaticFiles> StaticFiles::load(const std::filesystem::path& folder) {
  StaticFiles out;
  std::error_code error;
  std::filesystem::recursive_directory_iterator entries(folder, error);
  for (; !error && entries != std::filesystem::recursive_directory_iterator(); entries.increment(error)) {
    if (!entries->is_regular_file()) continue;
    const std::filesystem::path& path = entries->path();
    DAYAQ_TRY(std::string content, read_file(path));
    // Not secret: it only tells one version of our own files from another.
    std::string version = fmt::format("{:016x}", siphash(SipKey{}, content));
    File file{.content = std::move(content),
              .content_type = type_of(path.extension().string()),
              .version = std::move(version)};
    out.files_.emplace(path.lexically_relative(folder).generic_string(), std::move(file));
  }
  if (error) {
    return fail(ErrorKind::not_found, "static.folder",
                fmt::format("The folder {} can't be read. Check the path.", folder.string()),
                error.message());
  }
  return out;
}

std::string StaticFiles::url(std::string_view name) const {
  const auto found = files_.find(name);
  return found == files_.end() ? fmt::format("/static/{}", name)
                               : fmt::format("/static/{}?v={}", name, found->second.version);
}

void add_static_routes(Router& router, std::shared_ptr<const StaticFiles> files) {
  for (const auto& [name, file] : files->files()) {
    router.add({.pattern = "/static/" + name,
                .open = "a file of the pages",
                .run = Run::inline_,
                .operation = "get_static",
                .summary = "A file of the portal.",
                .tag = "pages"},
               [files, &served = file](const Request& request) { return answer(served, request); });
  }
}

Result<std::shared_ptr<const StaticFiles>> add_static_routes(Router& router,
                                                             const std::filesystem::path& folder) {
  DAYAQ_TRY(auto files, StaticFiles::load(folder));
  auto shared = std::make_shared<const StaticFiles>(std::move(files));
  add_static_routes(router, shared);
  return shared;
}

}  // namespace dayaq::http
