#include "services/attachments/attachments_test_support.hpp"

namespace dayaq::services::attachments {
namespace {

using namespace test;
using namespace std::string_literals;

std::string kind_of(const std::string& bytes) {
  const BytesView all = as_bytes(bytes);
  const auto kind =
      sniff(all.first(std::min<std::size_t>(64, all.size())), all.last(std::min(sniff_size, all.size())));
  return kind ? std::string(to_string(*kind)) : "none";
}

TEST(Sniff, GoesByTheBytes) {
  EXPECT_EQ(kind_of(pdf()), "pdf");
  EXPECT_EQ(kind_of(jpeg()), "jpeg");
  EXPECT_EQ(kind_of(png()), "png");
  EXPECT_EQ(kind_of(jpeg() + std::string(3000, 's')), "jpeg");  // what telephones add
}

TEST(Sniff, RefusesWhatLies) {
  EXPECT_EQ(kind_of(""), "none");
  EXPECT_EQ(kind_of("MZ\x90\0this program cannot be run"s), "none");
  EXPECT_EQ(kind_of("<!DOCTYPE html><script>alert(1)</script>"), "none");
  EXPECT_EQ(kind_of("GIF89a" + std::string(100, 'x')), "none");
  EXPECT_EQ(kind_of("PK\3\4" + std::string(100, 'x')), "none");
  EXPECT_EQ(kind_of("#!/bin/sh\n%PDF-1.7\n%%EOF\n"), "none");  // doesn't begin as one
  EXPECT_EQ(kind_of("%PDF-1.7\n" + std::string(5000, 'x')), "none");
  EXPECT_EQ(kind_of(pdf() + std::string(2000, ' ')), "none");  // what is behind its end is too much
  EXPECT_EQ(kind_of(jpeg().substr(0, 4)), "none");
  EXPECT_EQ(kind_of(png().substr(0, 20)), "none");
}

TEST(Sniff, RefusesAFileThatIsAnArchiveAsWell) {
  const std::string end = "PK\5\6"s + std::string(16, '\0') + "\0\0"s;
  for (const std::string& file : {pdf(), jpeg(), png()}) {
    EXPECT_EQ(kind_of(file + "PK\3\4 an applet " + end), "none");
    // Its comment may be the picture's own end.
    EXPECT_EQ(kind_of(file + "PK\3\4" + end.substr(0, 20) + "\x02\0"s + "\xff\xd9"), "none");
  }
  EXPECT_EQ(kind_of(jpeg("a few bytes PK\5\6 by chance")), "jpeg");  // too short to be one
}

TEST(ShownName, IsNoPathAndSaysWhatItIs) {
  EXPECT_EQ(shown_name("arayış.pdf", Kind::pdf), "arayış.pdf");
  EXPECT_EQ(shown_name("../../etc/passwd", Kind::pdf), "passwd.pdf");
  EXPECT_EQ(shown_name("C:\\Users\\me\\photo.JPG", Kind::jpeg), "photo.JPG");
  EXPECT_EQ(shown_name("photo.jpeg", Kind::jpeg), "photo.jpeg");
  EXPECT_EQ(shown_name("setup.exe", Kind::png), "setup.exe.png");
  EXPECT_EQ(shown_name("a\r\nSet-Cookie: x\0.pdf"s, Kind::pdf), "aSet-Cookie: x.pdf");
  EXPECT_EQ(shown_name("", Kind::pdf), "document.pdf");
  EXPECT_EQ(shown_name("..", Kind::pdf), "document.pdf");
  EXPECT_EQ(shown_name("\xff\xfe", Kind::png), "document.png");
  std::string longest;
  for (int i = 0; i < 100; ++i) longest += "ə";
  const std::string cut = shown_name(longest, Kind::pdf);
  EXPECT_TRUE(is_utf8(cut));
  EXPECT_EQ(cut.size(), 104u);
}

TEST(ContentDisposition, IsSavedUnderItsNameAndNeverShown) {
  EXPECT_EQ(content_disposition("a \"b\"; c.pdf", Kind::pdf),
            "attachment; filename=\"a__b___c.pdf\"; filename*=UTF-8''a%20%22b%22%3B%20c.pdf");
  EXPECT_EQ(content_disposition("şə.png", Kind::png),
            "attachment; filename=\"____.png\"; filename*=UTF-8''%C5%9F%C9%99.png");
}

TEST(AttachmentIdText, IsSixteenDigitsOrFewer) {
  EXPECT_EQ(to_hex(AttachmentId(0x2a)), "000000000000002a");
  EXPECT_EQ(parse_id("000000000000002a"), AttachmentId(0x2a));
  EXPECT_EQ(parse_id("2a"), AttachmentId(0x2a));
  for (const char* wrong : {"", "0000000000000000", "ffffffffffffffff", "00000000000000 a",
                            "-00000000000002a", "000000000000002g", "0000000000000002a"}) {
    EXPECT_FALSE(parse_id(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace dayaq::services::attachments
