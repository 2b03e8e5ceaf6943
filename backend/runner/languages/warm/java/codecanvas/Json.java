package codecanvas;

import java.util.function.Consumer;

/** Reads the JSON that the service writes: objects, arrays and strings. */
final class Json {
    private final String text;
    private int at;

    Json(String text) {
        this.text = text;
    }

    /** Read an object, calling `member` with each key, which reads the value. */
    void object(Consumer<String> member) {
        expect('{');
        while (peek() != '}') {
            String key = string();
            expect(':');
            member.accept(key);
            if (peek() == ',') {
                at++;
            }
        }
        expect('}');
    }

    /** Read an array, calling `element` for each element, which reads it. */
    void array(Runnable element) {
        expect('[');
        while (peek() != ']') {
            element.run();
            if (peek() == ',') {
                at++;
            }
        }
        expect(']');
    }

    /** Read a string. */
    String string() {
        expect('"');
        StringBuilder value = new StringBuilder();
        for (char c = text.charAt(at++); c != '"'; c = text.charAt(at++)) {
            value.append(c == '\\' ? escaped() : c);
        }
        return value.toString();
    }

    private char escaped() {
        char c = text.charAt(at++);
        return switch (c) {
            case 'n' -> '\n';
            case 't' -> '\t';
            case 'r' -> '\r';
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'u' -> (char) Integer.parseInt(text.substring(at, at += 4), 16);
            default -> c;
        };
    }

    private char peek() {
        while (Character.isWhitespace(text.charAt(at))) {
            at++;
        }
        return text.charAt(at);
    }

    private void expect(char wanted) {
        if (peek() != wanted) {
            throw new IllegalArgumentException("expected " + wanted + " at " + at);
        }
        at++;
    }
}
