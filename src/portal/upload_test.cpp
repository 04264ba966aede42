#include "portal/upload.hpp"

#include <gtest/gtest.h>

namespace dayaq::portal {
namespace {

constexpr std::string_view kind = "multipart/form-data; boundary=XyZ";

TEST(Upload, GivesEachFieldAndFile) {
  const std::string body =
      "--XyZ\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nline 1\r\n--line 2\r\n"
      "--XyZ\r\nContent-Type: text/yaml\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a "
      "\\\"b\\\".yaml\"\r\n"
      "\r\n\r\n--XyZ--\r\n";
  const auto parts = parse_form(kind, body);
  ASSERT_TRUE(parts) << parts.error().detail;
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ((*parts)[0].name, "text");
  EXPECT_EQ((*parts)[0].value, "line 1\r\n--line 2");
  EXPECT_EQ((*parts)[1].file_name, "a \"b\".yaml");
  EXPECT_EQ((*parts)[1].value, "");
}

TEST(Upload, TakesAQuotedBoundaryAndBinaryValues) {
  using namespace std::string_literals;
  const std::string body =
      "--a b\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n\0\r\n\xff\r\n--a b--"s;
  const auto parts = parse_form("Multipart/Form-Data; charset=utf-8; boundary=\"a b\"", body);
  ASSERT_TRUE(parts) << parts.error().detail;
  EXPECT_EQ(parts->front().value, "\0\r\n\xff"s);
}

TEST(Upload, RefusesWhatIsNotWhole) {
  const auto detail = [](std::string_view type, std::string_view body) {
    const auto parts = parse_form(type, body);
    return parts ? std::string("taken") : std::string(parts.error().code) + ": " + parts.error().detail;
  };
  const std::string head = "--XyZ\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n";
  EXPECT_EQ(detail("text/plain", ""), "portal.form: no boundary");
  EXPECT_EQ(detail("multipart/form-data", ""), "portal.form: no boundary");
  EXPECT_EQ(detail("multipart/form-data; boundary=\"", ""), "portal.form: no boundary");
  EXPECT_EQ(detail(kind, ""), "portal.form: no opening delimiter");
  EXPECT_EQ(detail(kind, "--XyZ"), "portal.form: a delimiter that goes on");
  EXPECT_EQ(detail(kind, head), "portal.form: a part without an end");
  EXPECT_EQ(detail(kind, head + "value\r\n--XyZ"), "portal.form: a delimiter that goes on");
  EXPECT_EQ(detail(kind, "--XyZ\r\nContent-Disposition: form-data\r\n\r\n\r\n--XyZ--"),
            "portal.form: a part without a name");
  EXPECT_EQ(detail(kind, "--XyZ\r\nX: y\r\n\r\n\r\n--XyZ--"),
            "portal.form: a part without content-disposition");
  EXPECT_EQ(detail(kind, "--XyZ\r\nno colon\r\n\r\n\r\n--XyZ--"), "portal.form: a header without a colon");
  EXPECT_EQ(detail(kind, "--XyZ--"), "taken");
}

TEST(Upload, RefusesMoreFieldsThanAnyFormHas) {
  std::string body;
  for (int i = 0; i < 33; ++i) body += "--XyZ\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n";
  const auto parts = parse_form(kind, body + "--XyZ--");
  ASSERT_FALSE(parts);
  EXPECT_EQ(parts.error().kind, ErrorKind::limit);
}

}  // namespace
}  // namespace dayaq::portal
