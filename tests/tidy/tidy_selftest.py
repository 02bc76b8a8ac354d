#!/usr/bin/env python3
"""Shows that each rule of tidy.py can fail."""
import sys
import unittest

sys.path.insert(0, "tests/tidy")
import tidy


class Rules(unittest.TestCase):
    def rules(self, path, text):
        lines = text.split("\n")
        checks = (tidy.check_layers, tidy.check_lines, tidy.check_functions)
        return [fault[0] for check in checks for fault in check(path, lines)]

    def test_an_arrow_that_points_up_is_refused(self):
        self.assertEqual(self.rules("src/base/x.h", '#include "src/mail/address.h"'), ["layer"])
        self.assertEqual(self.rules("src/mail/x.h", '#include "src/base/id.h"'), [])
        self.assertEqual(self.rules("src/smtpd/x.cc", '#include "src/admin/x.h"'), ["layer"])
        self.assertEqual(self.rules("src/base/x.cc", '#include "src/app/node.h"'), ["layer"], "the program's own")

    def test_long_lines_are_refused(self):
        self.assertEqual(self.rules("src/base/x.h", "x" * 120), [])
        self.assertEqual(self.rules("src/base/x.h", "x" * 121), ["line"])

    def test_banned_calls_are_refused(self):
        self.assertEqual(self.rules("src/queue/x.cc", "auto t = std::chrono::system_clock::now();"), ["banned"])
        self.assertEqual(self.rules("src/queue/x.cc", "// system_clock::now is banned"), [])
        self.assertEqual(self.rules("src/queue/x.cc", "#include <asio.hpp>"), ["banned"])

    def test_long_functions_are_refused(self):
        body = "\n".join(["  x();"] * 68)
        self.assertEqual(self.rules("src/base/x.cc", "void f() {\n" + body + "\n}"), [])
        self.assertEqual(self.rules("src/base/x.cc", "void f() {\n" + body + "\n  x();\n}"), ["function"])

    def test_vague_names_are_refused(self):
        self.assertEqual(self.rules("src/base/x.h", "class QueueManager {"), ["name"])


if __name__ == "__main__":
    unittest.main()
