#include "http/multipart.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace dayaq::http {
namespace {

struct Collected final : MultipartSink {
  struct Part {
    std::string name, file_name, value;
    bool ended = false;
    friend bool operator==(const Part&, const Part&) = default;
  };
  Result<void> begin(MultipartHead head) override {
    EXPECT_TRUE(parts.empty() || parts.back().ended);
    parts.push_back({std::move(head.name), std::move(head.file_name), {}});
    return {};
  }
  Result<void> data(std::string_view piece) override {
    EXPECT_FALSE(piece.empty());
    parts.back().value += piece;
    if (parts.back().value.size() > value_max) return fail(ErrorKind::limit, "test.size", "Too much.");
    return {};
  }
  Result<void> end() override {
    parts.back().ended = true;
    return {};
  }
  std::vector<Part> parts;
  std::size_t value_max = 1u << 30;
};

constexpr std::string_view kind = "multipart/form-data; boundary=XyZ";
// Values that begin delimiters and aren't: at their ends, doubled, cut.
const std::string tricky =
    "--XyZ\r\nContent-Disposition: form-data; name=\"form\"\r\n\r\nabc\r\n"
    "--XyZ\r\nContent-Disposition: form-data; name=file; filename=\"a.pdf\"\r\nContent-Type: "
    "application/pdf\r\n"
    "\r\n\r\n\r\n\r\n--Xy\r\n--XyY\r\r\n--\r\r\n\r\n--XyZ\r\n"
    "Content-Disposition: form-data; name=empty\r\n\r\n\r\n--XyZ--\r\nand no more";

std::vector<Collected::Part> read_in_pieces(const std::string& body, std::size_t size) {
  auto reader = MultipartReader::create(kind);
  Collected got;
  std::string_view rest = body;
  while (!rest.empty()) {
    const auto piece = rest.substr(0, size);
    // A copy with nothing behind it: reading past a piece is found by the sanitizers.
    const std::vector<char> bytes(piece.begin(), piece.end());
    const auto fed = reader->feed({bytes.data(), bytes.size()}, got);
    EXPECT_TRUE(fed) << fed.error().detail;
    EXPECT_LE(reader->held(), MultipartReader::head_max + 80);
    rest.remove_prefix(piece.size());
  }
  EXPECT_TRUE(reader->finish());
  return got.parts;
}

TEST(Multipart, IsTheSameHoweverItIsCut) {
  const auto whole = read_in_pieces(tricky, tricky.size());
  ASSERT_EQ(whole.size(), 3u);
  EXPECT_EQ(whole[0], (Collected::Part{"form", "", "abc", true}));
  EXPECT_EQ(whole[1], (Collected::Part{"file", "a.pdf", "\r\n\r\n\r\n--Xy\r\n--XyY\r\r\n--\r\r\n", true}));
  EXPECT_EQ(whole[2], (Collected::Part{"empty", "", "", true}));
  for (std::size_t size = 1; size < tricky.size(); ++size) EXPECT_EQ(read_in_pieces(tricky, size), whole);
}

TEST(Multipart, HoldsNoMoreThanAHeadWhateverAPartHolds) {
  auto reader = MultipartReader::create(kind);
  ASSERT_TRUE(reader);
  Collected got;
  ASSERT_TRUE(reader->feed("--XyZ\r\nContent-Disposition: form-data; name=f\r\n\r\n", got));
  const std::string megabyte(1u << 20, '\r');
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(reader->feed(megabyte, got));
    EXPECT_LE(reader->held(), 80u);
  }
  ASSERT_TRUE(reader->feed("\r\n--XyZ--", got));
  EXPECT_TRUE(reader->finish());
  EXPECT_EQ(got.parts[0].value.size(), 20u << 20);
}

TEST(Multipart, EndsWithTheSinksError) {
  auto reader = MultipartReader::create(kind);
  Collected got;
  got.value_max = 10;
  const auto fed =
      reader->feed("--XyZ\r\nContent-Disposition: form-data; name=f\r\n\r\n12345678901\r\n--XyZ--", got);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, "test.size");
}

TEST(Multipart, RefusesAHeadWithoutEnd) {
  auto reader = MultipartReader::create(kind);
  Collected got;
  ASSERT_TRUE(reader->feed("--XyZ\r\n", got));
  const std::string line = "X-Long: " + std::string(1000, 'x') + "\r\n";
  Result<void> fed;
  for (int i = 0; i < 10 && fed; ++i) fed = reader->feed(line, got);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().kind, ErrorKind::limit);
  EXPECT_TRUE(got.parts.empty());
}

TEST(Multipart, RefusesABoundaryThatCantBeOne) {
  EXPECT_FALSE(MultipartReader::create("multipart/form-data; boundary=\"a\r\nb\""));
  EXPECT_FALSE(MultipartReader::create("multipart/form-data; boundary=" + std::string(71, 'x')));
  EXPECT_FALSE(MultipartReader::create("multipart/mixed; boundary=a"));
}

}  // namespace
}  // namespace dayaq::http
