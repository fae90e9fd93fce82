import groovy.lang.GroovyShell;
import java.io.File;

/** Parses Groovy scripts: the paths of its arguments. Says the first that is none, with its line, and exits with 1. */
public class ParseGroovy {
    public static void main(String[] paths) throws Exception {
        for (String path : paths) {
            try {
                new GroovyShell().parse(new File(path));
            } catch (org.codehaus.groovy.control.CompilationFailedException error) {
                System.err.println(path + ": " + error.getMessage());
                System.exit(1);
            }
        }
    }
}
