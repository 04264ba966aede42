#include "registry/csv.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dayaq::registry {
namespace {

struct Line {
  std::uint64_t number = 0;
  std::vector<std::string> fields;
  std::string error;
  friend bool operator==(const Line&, const Line&) = default;
};

std::ostream& operator<<(std::ostream& out, const Line& line) {
  out << line.number << ":";
  for (const std::string& field : line.fields) out << " [" << field << "]";
  return out << " " << line.error;
}

/// Reads `text` in pieces of `piece` bytes.
std::vector<Line> read(std::string_view text, std::size_t piece, CsvOptions options = {}) {
  std::vector<Line> out;
  CsvReader reader(options);
  const auto drain = [&] {
    while (const auto row = reader.next()) {
      Line line{row->line, {row->fields.begin(), row->fields.end()}, ""};
      if (row->error) line.error = row->error->code;
      out.push_back(line);
    }
  };
  for (std::size_t at = 0; at < text.size(); at += piece) {
    reader.feed(text.substr(at, piece));
    drain();
  }
  reader.finish();
  drain();
  return out;
}

struct Case {
  const char* name;
  std::string text;
  std::vector<Line> lines;
};

struct CsvCases : testing::TestWithParam<Case> {};

TEST_P(CsvCases, AreReadAlikeHoweverTheBytesArrive) {
  for (const std::size_t piece : {1u, 2u, 3u, 7u, 100000u}) {
    EXPECT_EQ(read(GetParam().text, piece), GetParam().lines) << "in pieces of " << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, CsvCases,
    testing::Values(
        Case{"Nothing", "", {}}, Case{"OneRowWithoutLineBreak", "a,b", {{1, {"a", "b"}, ""}}},
        Case{"LineFeeds", "a,b\nc,d\n", {{1, {"a", "b"}, ""}, {2, {"c", "d"}, ""}}},
        Case{"CarriageReturns", "a,b\r\nc,d\r\n", {{1, {"a", "b"}, ""}, {2, {"c", "d"}, ""}}},
        Case{"ByteOrderMark",
             "\xEF\xBB\xBF"
             "a,b\n",
             {{1, {"a", "b"}, ""}}},
        Case{"ByteOrderMarkAlone", "\xEF\xBB\xBF", {}},
        Case{"EmptyFields", ",\n\"\",x,\n", {{1, {"", ""}, ""}, {2, {"", "x", ""}, ""}}},
        Case{"EmptyLinesAreCounted", "a\n\n\r\nb\n", {{1, {"a"}, ""}, {4, {"b"}, ""}}},
        Case{"Quotes", "\"a,b\",\"say \"\"hi\"\"\",\"\"\"\"\n", {{1, {"a,b", "say \"hi\"", "\""}, ""}}},
        Case{"AzerbaijaniLetters", "Əliyev,Gülşən\n", {{1, {"Əliyev", "Gülşən"}, ""}}},
        Case{"QuoteLeftOpenCostsItsLineOnly",
             "a,\"b\nc,d\n\"e\",f\n",
             {{1, {}, "csv.quote"}, {2, {"c", "d"}, ""}, {3, {"e", "f"}, ""}}},
        Case{"TextAfterAClosingQuote", "\"a\"b,c\nd\n", {{1, {}, "csv.quote"}, {2, {"d"}, ""}}},
        Case{"QuoteInsideAnUnquotedField", "a\"b,c\nd\n", {{1, {}, "csv.quote"}, {2, {"d"}, ""}}},
        Case{"Windows1251", "\xC0\xEB\xE8,x\nd\n", {{1, {}, "csv.encoding"}, {2, {"d"}, ""}}},
        Case{"ZeroByte", std::string("a\0b\nd\n", 6), {{1, {}, "csv.encoding"}, {2, {"d"}, ""}}},
        Case{"BareCarriageReturn", "a\rb\nd\n", {{1, {}, "csv.encoding"}, {2, {"d"}, ""}}}),
    [](const auto& test) { return test.param.name; });

TEST(CsvReader, RefusesWhatIsTooLongAndGoesOnAtTheNextLine) {
  const CsvOptions options{.line_max = 20, .field_max = 5, .fields_max = 3};
  const std::string text = "a,b\n" + std::string(50, 'x') + "\nabcdef,b\na,b,c,d\nok\n";
  for (const std::size_t piece : {1u, 4u, 1000u}) {
    EXPECT_EQ(read(text, piece, options), (std::vector<Line>{{1, {"a", "b"}, ""},
                                                             {2, {}, "csv.line_size"},
                                                             {3, {}, "csv.field_size"},
                                                             {4, {}, "csv.fields"},
                                                             {5, {"ok"}, ""}}))
        << "in pieces of " << piece;
  }
}

TEST(CsvReader, KeepsOnlyABoundedPartOfALineWithoutEnd) {
  CsvReader reader;
  int rows = 0;
  for (int i = 0; i < 1000; ++i) {
    reader.feed(std::string(4096, 'x'));
    while (reader.next()) ++rows;
  }
  EXPECT_EQ(rows, 1);  // said once
}

TEST(CsvReader, GoesOnFromAnOffsetWithTheSameLineNumbers) {
  const std::string text = "head\none,1\ntwo,\"2\"\nthree,3\n";
  CsvReader first;
  first.feed(text);
  first.finish();
  ASSERT_TRUE(first.next());
  const auto second = first.next();
  ASSERT_TRUE(second);
  const std::uint64_t end = second->end;
  CsvReader resumed(CsvOptions{.first_line = second->line + 1, .first_offset = end});
  resumed.feed(std::string_view(text).substr(end));
  resumed.finish();
  const auto third = resumed.next();
  ASSERT_TRUE(third);
  EXPECT_EQ(third->line, 3u);
  EXPECT_EQ(third->fields[1], "2");
  EXPECT_EQ(resumed.next()->line, 4u);
}

TEST(CsvReader, ErrorsNameLineAndColumn) {
  CsvReader reader;
  reader.feed("a,b\nxy,\"z\n");
  reader.finish();
  ASSERT_TRUE(reader.next());
  const auto row = reader.next();
  ASSERT_TRUE(row && row->error);
  EXPECT_EQ(row->error->line, 2u);
  EXPECT_EQ(row->error->column, 4u);
  EXPECT_EQ(row->text, "xy,\"z");
}

TEST(CsvRow, IsReadBackAsItWasWritten) {
  const std::vector<std::string_view> fields{"plain", "", "with,comma", "with \"quotes\"", "ə;ş"};
  std::string text;
  append_csv_row(text, fields);
  const auto lines = read(text, 1000);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].fields, (std::vector<std::string>{fields.begin(), fields.end()}));
}

}  // namespace
}  // namespace dayaq::registry
