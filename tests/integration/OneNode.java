import java.util.List;
import java.util.Map;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/**
 * A node, alone, with nothing but HTTP: HOME HTTP-PORT TRANSPORT-PORT. It ends with its process. Elasticsearch has the
 * same classes under its own name.
 */
public final class OneNode extends Node {
    private OneNode(Environment environment) {
        super(environment, List.of(Netty4Plugin.class), true);
    }

    public static void main(String[] given) throws Exception {
        Settings settings = Settings.builder()
            .put("path.home", given[0])
            .put("http.port", given[1])
            .put("transport.port", given[2])
            .put("network.host", "127.0.0.1")
            .put("discovery.type", "single-node")
            .put("transport.type", "netty4")
            .put("http.type", "netty4")
            .put("node.name", "one")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build();
        new OneNode(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "one")).start();
        Thread.currentThread().join();
    }
}
