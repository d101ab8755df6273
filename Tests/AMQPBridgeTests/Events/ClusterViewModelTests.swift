import EventLoop
import Testing

@testable import AMQPBridge

@Suite("The view of a cluster in which everything is random")
struct ClusterViewModelTests {
    @Test("tells of no room that it is empty unless it was, and ends with the truth", arguments: 0..<40)
    func random(seed: Int) {
        // Longer than messages take: else a room whose last socket moves from server to server seems empty for a
        // moment.
        let grace = 1_500
        var cluster = SimulatedCluster(seed: UInt64(seed), grace: grace)
        for _ in 0..<cluster.draw(1..<4) { cluster.addServer() }
        cluster.connect()
        for _ in 0..<300 {
            switch cluster.draw(0..<100) {
            case 0..<80: cluster.change()
            case 80..<83: cluster.servers.keys.sorted().first.map { cluster.loseMessage($0) }
            case 83: if cluster.servers.count > 1 { cluster.servers.keys.sorted().last.map { cluster.crash($0) } }
            case 84: if cluster.servers.count < 4 { cluster.addServer() }
            case 85:
                cluster.loseBroker()
                cluster.pass(cluster.draw(0..<300))
                cluster.connect()
            default: break
            }
            cluster.pass(cluster.draw(0..<20) * 10)
        }
        cluster.pass(20_000)
        #expect(cluster.faults == [])
        #expect(cluster.believed == cluster.truth)
        #expect(cluster.viewedRooms == cluster.truth.count)
    }
}
