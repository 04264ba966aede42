#include "portal/upload.hpp"

#include <utility>

#include "http/multipart.hpp"

namespace dayaq::portal {
namespace {

/// Views into a body that is fed in one piece.
class Parts final : public http::MultipartSink {
 public:
  explicit Parts(std::string_view body) : body_(body) {}
  Result<void> begin(http::MultipartHead head) override {
    all.push_back({std::move(head.name), std::move(head.file_name), body_.substr(0, 0)});
    return {};
  }
  Result<void> data(std::string_view piece) override {
    all.back().value = piece;
    return {};
  }
  Result<void> end() override { return {}; }

  std::vector<FormPart> all;

 private:
  std::string_view body_;
};

std::unexpected<Error> refused(Error error) {
  error.code = "portal.form";
  return std::unexpected(std::move(error));
}

}  // namespace

Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body) {
  auto reader = http::MultipartReader::create(content_type);
  if (!reader) return refused(std::move(reader).error());
  Parts parts(body);
  auto read = reader->feed(body, parts);
  if (read) read = reader->finish();
  if (!read) return refused(std::move(read).error());
  return std::move(parts.all);
}

}  // namespace dayaq::portal
